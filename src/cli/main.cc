#include <fmt/format.h>

#include <exception>

#include "cli/options.h"

int main(int argc, char** argv) {
  CLI::App app{"VPC Flow Logs for any network"};
  app.name("weir");
  app.set_version_flag("--version", std::string("weir ") + WEIR_VERSION);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  int exit_code = weir::cli::kUsage;
  try {
    weir::cli::add_record_command(app, exit_code);
    weir::cli::add_vpc_command(app, exit_code);
    weir::cli::add_fields_command(app, exit_code);
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? weir::cli::kDone : weir::cli::kUsage;
  } catch (const std::exception& error) {
    // Memory, at last; everything that can be foreseen is a value.
    return weir::cli::failed({"", error.what(), ""});
  }
  return exit_code;
}
