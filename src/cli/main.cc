#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

#include "base/printable.h"
#include "cli/interruption.h"
#include "cli/options.h"

namespace {

int run(int argc, char** argv) {
  CLI::App app{"VPC Flow Logs for any network"};
  app.name("weir");
  app.set_version_flag("--version", std::string("weir ") + WEIR_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App* /*app*/, const CLI::Error& error) {
    std::string what = error.what();
    constexpr std::string_view kConversion = "Could not convert: ";  // "--port = 70000"
    if (what.starts_with(kConversion)) what = what.substr(kConversion.size()) + " is no number";
    return "weir: " + weir::base::printable(what) + "; --help says more\n";
  });
  int exit_code = weir::cli::kUsage;
  weir::cli::add_record_command(app, exit_code);
  weir::cli::add_query_command(app, exit_code);
  weir::cli::add_explain_command(app, exit_code);
  weir::cli::add_what_if_command(app, exit_code);
  weir::cli::add_report_command(app, exit_code);
  weir::cli::add_tail_command(app, exit_code);
  weir::cli::add_up_command(app, exit_code);
  weir::cli::add_vpc_command(app, exit_code);
  weir::cli::add_bucket_policy_command(app, exit_code);
  weir::cli::add_fields_command(app, exit_code);
  const std::string first = argc > 1 ? argv[1] : "-";
  const auto is_meant = [&](const CLI::App* command) { return command->get_name() == first; };
  if (!first.starts_with('-') && app.get_subcommands(is_meant).empty()) {
    return weir::cli::failed(
        {"", "there is no command '" + first + "'", "`weir --help` lists the commands"},
        weir::cli::kUsage);
  }
  try {
    app.parse(argc, argv);
    if (const bool is_written = std::fflush(stdout) == 0 && std::cout.flush().good(); !is_written) {
      if (weir::cli::output_is_gone()) return weir::cli::kOutputGone;
      return weir::cli::failed({"standard output", "cannot be written to the end", ""});
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? weir::cli::kDone : weir::cli::kUsage;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    // Memory, at last; everything that can be foreseen is a value.
    std::cerr << "weir: " << error.what() << "\n";
  } catch (...) {
    std::cerr << "weir: ended by an unknown exception\n";
  }
  return weir::cli::kFailed;
}
