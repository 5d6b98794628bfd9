#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "cli/log_source.h"
#include "cli/options.h"
#include "cli/result_printer.h"
#include "query/engine.h"

namespace weir::cli {
namespace {

struct Asked {
  LogSource source;
  std::string sql;
  std::string form = "table";
};

/// `--from` takes as many paths as there are, and with an option after it the SQL too.
bool find_sql(Asked& asked) {
  if (asked.sql.empty() && asked.source.from.size() > 1) {
    asked.sql = std::move(asked.source.from.back());
    asked.source.from.pop_back();
  }
  return !asked.sql.empty();
}

int run(Asked& asked) {
  if (!find_sql(asked)) {
    return failed({"query", "has no SQL", "give it last: weir query --from DIR 'SELECT …'"},
                  kUsage);
  }
  const bool is_parquet = asked.form == "parquet";
  if (is_parquet && isatty(STDOUT_FILENO) == 1) {
    return failed({"--output parquet", "is not for a terminal", "send it into a file with >"},
                  kUsage);
  }
  auto settings = settings_of(asked.source);
  if (!settings) return failed(settings.error(), Watch::was_interrupted() ? kInterrupted : kFailed);
  auto engine = query::Engine::open(std::move(*settings));
  if (!engine) return failed(engine.error());
  base::Expected<void> done;
  {
    const Watch watch(**engine);
    if (is_parquet) {
      done = (*engine)->run_into_parquet(asked.sql, std::cout);
    } else {
      ResultPrinter printer(std::cout, output_form(asked.form));
      done = (*engine)->run(asked.sql, printer);
      if (done) printer.finish();
    }
  }
  std::cout.flush();
  if (Watch::was_interrupted()) return failed({"", "interrupted", ""}, kInterrupted);
  const int code = tell_problems(asked.source, **engine);
  if (!done) return failed(done.error());
  if (!std::cout) {
    return failed({"standard output", "cannot be written", "is there room where it goes?"});
  }
  return code;
}

}  // namespace

void add_query_command(CLI::App& weir, int& exit_code) {
  auto* command = weir.add_subcommand("query", "Ask flow logs in SQL");
  auto asked = std::make_shared<Asked>();
  add_source_options(*command, asked->source);
  command
      ->add_option("--table", asked->source.tables,
                   "A CSV, JSON or Parquet file of yours, to be joined")
      ->type_name("NAME=FILE");
  command->add_option("--output", asked->form, "How to print: table, json, csv, markdown, parquet")
      ->check(CLI::IsMember({"table", "json", "csv", "markdown", "parquet"}))
      ->type_name("FORM");
  command->add_option("SQL", asked->sql, "SELECT … FROM flow_logs …");
  command->callback([asked, &exit_code] { exit_code = run(*asked); });
}

}  // namespace weir::cli
