#include <fmt/format.h>

#include <chrono>
#include <iostream>
#include <memory>

#include "base/table.h"
#include "cli/answer.h"
#include "cli/log_source.h"
#include "cli/options.h"
#include "query/engine.h"
#include "query/reports.h"

namespace weir::cli {
namespace {

constexpr std::uint64_t kMostRows = 1'000'000'000;
constexpr std::chrono::days kWidestBucket{36'500};

struct Asked {
  LogSource source;
  std::string name;
  std::string form = "table";
  std::string address;
  std::string per;
  std::optional<std::uint64_t> limit;
  std::optional<std::uint64_t> at_least;
  bool shows_sql = false;
};

int list(const std::string& form) {
  if (form == "parquet") {
    return failed({"--output parquet", "needs a report's name", "list them as table, json or csv"},
                  kUsage);
  }
  base::Table table{{{"report"}, {"question"}, {"fields"}}, {}};
  for (const query::Report& report : query::reports()) {
    table.rows.push_back(
        {std::string(report.name), std::string(report.question), std::string(report.fields)});
  }
  base::print(std::cout, table, output_form(form));
  return kDone;
}

base::Expected<query::ReportValues> values_of(const Asked& asked, const query::Report& report) {
  query::ReportValues values;
  values.limit = asked.limit;
  values.at_least = asked.at_least;
  if (!asked.address.empty()) {
    values.address = base::Address::parse(asked.address);
    if (!values.address) {
      return base::fail("--address", "'" + asked.address + "' is no address",
                        "give one IPv4 or IPv6 address");
    }
  }
  if (!asked.per.empty()) {
    values.per = base::parse_duration(asked.per);
    if (!values.per || *values.per < std::chrono::seconds(1) || *values.per > kWidestBucket) {
      return base::fail("--per", "'" + asked.per + "' is no length of time",
                        "give 30s, 5m, 1h or 1d");
    }
  }
  if (report.takes("{since}")) {
    auto since = time_of("--since", asked.source.since);
    if (!since) return tl::unexpected(since.error());
    values.since = *since;
  }
  return values;
}

base::Expected<void> check_fields(query::Engine& engine, const query::Report& report) {
  const Watch watch(engine);
  const auto names = report.field_names();
  const auto lacking = engine.lacking({names.begin(), names.end()});
  if (!lacking) return tl::unexpected(lacking.error());
  if (lacking->empty()) return {};
  std::string missing;
  std::string format;
  for (const std::string& field : *lacking) {
    missing += (missing.empty() ? "" : ", ") + field;
    format += (format.empty() ? "${" : " ${") + field + "}";
  }
  return base::fail(std::string(report.name), "the logs have no " + missing,
                    "only a flow log whose --log-format names '" + format +
                        "' has what this report needs: make a new one, a format cannot be changed");
}

/// Says on stderr what the answer cannot tell by itself. Its error would be the report's too.
void tell_caution(query::Engine& engine, const std::string& sql) {
  class Sentence : public query::ResultSink {
   public:
    void columns(const std::vector<query::ResultColumn>& /*columns*/) override {}
    void row(Row row) override {
      if (row.front()) fmt::print(stderr, "weir: warning: {}\n", *row.front());
    }
  };
  if (sql.empty()) return;
  const Watch watch(engine);
  Sentence sentence;
  [[maybe_unused]] const auto told_later = engine.run(sql, sentence);
}

int run(Asked& asked) {
  const auto& from = asked.source.from;
  if (asked.name.empty() && !from.empty() && query::find_report(from.back()) != nullptr) {
    asked.name = take_last_path(asked.source);
  }
  if (asked.name.empty()) return list(asked.form);
  const query::Report* report = query::find_report(asked.name);
  if (report == nullptr) {
    return failed(
        {"report", "'" + asked.name + "' is not known", query::report_suggestion(asked.name)},
        kUsage);
  }
  const auto values = values_of(asked, *report);
  if (!values) return failed(values.error(), kUsage);
  const bool is_for_people = asked.form == "table" || asked.form == "markdown";
  const auto sql = query::sql_of(*report, *values, is_for_people);
  if (!sql) return failed(sql.error(), kUsage);
  if (asked.shows_sql) {
    fmt::print("{}\n", *sql);
    return kDone;
  }
  if (asked.source.from.empty()) {
    return failed({std::string(report->name), "has no logs to ask", "say where with --from"},
                  kUsage);
  }
  if (auto fit = check_answer_form(asked.form); !fit) return failed(fit.error(), kUsage);
  LogSource read = asked.source;
  // The report needs what came before, too.
  if (report->takes("{since}")) read.since.clear();
  auto engine = open_logs(read);
  if (!engine) return engine.error();
  if (auto fit = check_fields(**engine, *report); !fit) {
    return tell_end(read, **engine, fit);
  }
  tell_caution(**engine, query::caution_sql_of(*report, *values));
  return print_answer(**engine, *sql, asked.source, asked.form);
}

}  // namespace

void add_report_command(Command& weir, int& exit_code) {
  auto* command =
      weir.add_subcommand("report", "Named questions: AWS's sixteen and ours; lists them");
  auto asked = std::make_shared<Asked>();
  command->add_option("NAME", asked->name, "VpcFlowLogsTopTalkers, top-talkers, conversations …");
  add_optional_source_options(*command, asked->source);
  command->add_option("--address", asked->address, "The address that the report is about")
      ->type_name("ADDRESS");
  command->add_option("--limit", asked->limit, "Rows at most")->range(1, kMostRows)->type_name("N");
  command->add_option("--at-least", asked->at_least, "How many make a scanner")
      ->range(1, kMostRows)
      ->type_name("N");
  command->add_option("--per", asked->per, "Width of a bucket of time: 30s, 5m, 1h, 1d")
      ->type_name("TIME");
  add_answer_form_option(*command, asked->form);
  command->add_flag("--sql", asked->shows_sql, "Print its SQL, for weir query, and end");
  command->callback([asked, &exit_code] { exit_code = run(*asked); });
}

}  // namespace weir::cli
