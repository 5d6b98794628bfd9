// What the commands of `weir` share: how they end, how they are asked to print.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "base/table.h"
#include "cli/command_line.h"

namespace weir::cli {

/// Exit codes are part of the command line's contract.
enum ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kDamaged = 3,      ///< done, but some objects could not be read, or not to their end
  kWouldRefuse = 4,  ///< done: what was accepted would be refused (`weir what-if`)
  kInterrupted = 130,
  kOutputGone = 141,  ///< as SIGPIPE would end it
};

/// Tells of the error.
int failed(const base::Error& error, ExitCode code = kFailed);

/// Prints "weir: …" on stderr, on one line, without the control characters that an object's name
/// may have.
void tell(const base::LogLine& line);
/// Prints a line, which has no control characters, on stderr. Where that is the journal, its
/// severity stands before it, as sd-daemon(3) has it, and it is cut before journald would take the
/// rest for a line of its own.
void print_line(base::Severity severity, std::string_view text);

/// "1 packet", "2 packets".
std::string count_of(std::uint64_t count, std::string_view thing);

/// Adds `--output table|json|csv`.
void add_output_option(Command& command, std::string& form);
/// REQUIRES: a form's name.
base::OutputForm output_form(const std::string& form);

/// Each adds its command to `weir`. What it was asked to do is done, and its exit code put into
/// `exit_code`, when the command line has been read.
void add_record_command(Command& weir, int& exit_code);
void add_vpc_command(Command& weir, int& exit_code);
void add_fields_command(Command& weir, int& exit_code);
void add_query_command(Command& weir, int& exit_code);
void add_explain_command(Command& weir, int& exit_code);
/// `what-if` and `unused-rules`.
void add_what_if_command(Command& weir, int& exit_code);
void add_report_command(Command& weir, int& exit_code);
void add_bucket_policy_command(Command& weir, int& exit_code);
void add_tail_command(Command& weir, int& exit_code);
void add_up_command(Command& weir, int& exit_code);
void add_status_command(Command& weir, int& exit_code);
void add_top_command(Command& weir, int& exit_code);
void add_doctor_command(Command& weir, int& exit_code);

}  // namespace weir::cli
