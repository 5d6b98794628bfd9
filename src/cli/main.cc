#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

#include "cli/command_line.h"
#include "cli/interruption.h"
#include "cli/options.h"

namespace {

int run(int argc, char** argv) {
  weir::cli::CommandLine line("VPC Flow Logs for any network", std::string("weir ") + WEIR_VERSION);
  int exit_code = weir::cli::kUsage;
  weir::cli::add_record_command(line.weir(), exit_code);
  weir::cli::add_query_command(line.weir(), exit_code);
  weir::cli::add_explain_command(line.weir(), exit_code);
  weir::cli::add_what_if_command(line.weir(), exit_code);
  weir::cli::add_report_command(line.weir(), exit_code);
  weir::cli::add_tail_command(line.weir(), exit_code);
  weir::cli::add_up_command(line.weir(), exit_code);
  weir::cli::add_status_command(line.weir(), exit_code);
  weir::cli::add_top_command(line.weir(), exit_code);
  weir::cli::add_doctor_command(line.weir(), exit_code);
  weir::cli::add_vpc_command(line.weir(), exit_code);
  weir::cli::add_bucket_policy_command(line.weir(), exit_code);
  weir::cli::add_fields_command(line.weir(), exit_code);
  if (const auto ended = line.read(argc, argv)) return *ended;
  if (const bool is_written = std::fflush(stdout) == 0 && std::cout.flush().good(); !is_written) {
    if (weir::cli::output_is_gone()) return weir::cli::kOutputGone;
    return weir::cli::failed({"standard output", "cannot be written to the end", ""});
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    // Memory, at last; everything that can be foreseen is a value.
    weir::cli::tell({weir::base::Severity::error, error.what()});
  } catch (...) {
    weir::cli::tell({weir::base::Severity::error, "ended by an unknown exception"});
  }
  return weir::cli::kFailed;
}
