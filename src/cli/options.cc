#include "cli/options.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/printable.h"

namespace weir::cli {

int failed(const base::Error& error, ExitCode code) {
  tell(error.message());
  return code;
}

void tell(const std::string& what) {
  fmt::print(stderr, "weir: {}\n", base::printable(what));
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
