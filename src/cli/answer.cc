#include "cli/answer.h"

#include <unistd.h>

#include <iostream>

#include "cli/options.h"
#include "cli/result_printer.h"

namespace weir::cli {

void add_answer_form_option(Command& command, std::string& form) {
  command.add_option("--output", form, "How to print: table, json, csv, markdown, parquet")
      ->one_of({"table", "json", "csv", "markdown", "parquet"})
      ->type_name("FORM");
}

base::Expected<void> check_answer_form(const std::string& form) {
  if (form != "parquet" || isatty(STDOUT_FILENO) == 0) return {};
  return base::fail("--output parquet", "is not for a terminal", "send it into a file with >");
}

int print_answer(query::Engine& engine, const std::string& sql, const LogSource& source,
                 const std::string& form) {
  base::Expected<void> done;
  {
    const Watch watch(engine);
    if (form == "parquet") {
      done = engine.run_into_parquet(sql, std::cout);
    } else {
      ResultPrinter printer(std::cout, output_form(form));
      done = engine.run(sql, printer);
      if (done) printer.finish();
    }
  }
  return tell_end(source, engine, done);
}

}  // namespace weir::cli
