#include <memory>

#include "cli/answer.h"
#include "cli/log_source.h"
#include "cli/options.h"
#include "query/engine.h"

namespace weir::cli {
namespace {

struct Asked {
  LogSource source;
  std::string sql;
  std::string form = "table";
};

int run(Asked& asked) {
  if (asked.sql.empty() && asked.source.from.size() > 1) asked.sql = take_last_path(asked.source);
  if (asked.sql.empty()) {
    return failed({"query", "has no SQL", "give it last: weir query --from DIR 'SELECT …'"},
                  kUsage);
  }
  if (auto fit = check_answer_form(asked.form); !fit) return failed(fit.error(), kUsage);
  auto engine = open_logs(asked.source);
  if (!engine) return engine.error();
  return print_answer(**engine, asked.sql, asked.source, asked.form);
}

}  // namespace

void add_query_command(Command& weir, int& exit_code) {
  auto* command = weir.add_subcommand("query", "Ask flow logs in SQL");
  auto asked = std::make_shared<Asked>();
  add_source_options(*command, asked->source);
  command
      ->add_option("--table", asked->source.tables,
                   "A CSV, JSON or Parquet file of yours, to be joined")
      ->type_name("NAME=FILE")
      ->one_value_each();
  add_answer_form_option(*command, asked->form);
  command->add_option("SQL", asked->sql, "SELECT … FROM flow_logs …");
  command->callback([asked, &exit_code] { exit_code = run(*asked); });
}

}  // namespace weir::cli
