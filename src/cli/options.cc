#include "cli/options.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/printable.h"

namespace weir::cli {
namespace {

/// systemd says which stream is the journal's, since whoever starts this may have put another one
/// in its place (systemd.exec(5)).
bool is_stderr_the_journal() {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  return stream != nullptr && ::fstat(STDERR_FILENO, &status) == 0 &&
         fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

}  // namespace

int failed(const base::Error& error, ExitCode code) {
  tell({base::Severity::error, error.message()});
  return code;
}

void tell(const base::LogLine& line) {
  print_line(line.severity, "weir: " + base::printable(line.text));
}

void print_line(base::Severity severity, std::string_view text) {
  if (!is_stderr_the_journal()) {
    fmt::print(stderr, "{}\n", text);
    return;
  }
  // journald's LineMax is 48 K: what comes behind could name a priority of its own.
  std::size_t longest = 40'000;
  const auto is_inside = [&] { return longest < text.size() && (text[longest] & 0xc0) == 0x80; };
  while (is_inside()) --longest;  // a character of several bytes
  fmt::print(stderr, "<{}>{}\n", static_cast<int>(severity), text.substr(0, longest));
}

std::string count_of(std::uint64_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

void add_output_option(Command& command, std::string& form) {
  command.add_option("--output", form, "How to print: table, json or csv")
      ->one_of({"table", "json", "csv"})
      ->type_name("FORM");
}

base::OutputForm output_form(const std::string& form) {
  if (form == "json") return base::OutputForm::json;
  if (form == "csv") return base::OutputForm::csv;
  if (form == "markdown") return base::OutputForm::markdown;
  return base::OutputForm::table;
}

}  // namespace weir::cli
