#include "query/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <numeric>
#include <set>
#include <thread>
#include <utility>

#include "logs/open_lines.h"
#include "query/duck.h"
#include "query/functions.h"
#include "query/gate.h"
#include "query/mergeable.h"
#include "query/parquet_table.h"
#include "query/parse_tree.h"
#include "query/pushdown.h"
#include "query/result.h"
#include "query/scan.h"
#include "query/schema.h"
#include "query/spill_folder.h"
#include "query/time_function.h"
#include "query/user_tables.h"
#include "record/log_format.h"

namespace weir::query {
namespace {

/// What a query's threads have together, and each at least, for making lines one.
constexpr std::size_t kTotalsBytes = std::size_t{48} << 20U;
constexpr std::size_t kLeastTotalsBytes = std::size_t{1} << 20U;

std::vector<std::string> default_columns() {
  std::vector<std::string> names;
  const record::LogFormat format;
  for (const record::Field* field : format.fields()) names.emplace_back(field->name);
  return names;
}

/// Adds what `to` lacks; true if that is something.
bool add_fields(const std::vector<std::string>& fields, std::vector<std::string>& to) {
  const std::size_t before = to.size();
  for (const std::string& field : fields) {
    if (!field.empty() && std::find(to.begin(), to.end(), field) == to.end()) to.push_back(field);
  }
  return to.size() != before;
}

}  // namespace

struct Engine::State {
  explicit State(Settings the_settings) : settings(std::move(the_settings)) {}

  base::Expected<void> start();
  base::Expected<std::string> plan(const std::string& sql, const std::vector<std::string>& found);
  std::string merge_early(const std::string& sql, const std::vector<std::string>& fields);
  base::Expected<std::vector<std::string>> bind(const std::string& sql,
                                                std::vector<std::string> present,
                                                const std::vector<std::string>& others);
  base::Expected<void> bind(const std::string& sql, const std::vector<std::string>& fields);
  [[nodiscard]] std::vector<std::size_t> every_object() const;
  base::Expected<std::vector<std::string>> look_at_formats(const std::vector<std::size_t>& numbers);
  void for_fields_behind_the_front(const std::function<bool(const std::vector<std::string>&)>& use);
  void tell_without_column(const logs::Object& object, const std::vector<std::string>& fields);
  void damaged(const logs::Object& object, const base::Error& error);
  bool drop_damaged_parquet(const base::Error& failure);
  base::Expected<void> run(const std::string& sql, const bool& has_rows,
                           const std::function<base::Expected<void>(const std::string&)>& ask);
  base::Expected<void> define_table(const std::vector<std::string>& fields, bool counts = false);
  [[nodiscard]] std::string result_path() const {
    return (spill.path() / "result.parquet").string();
  }
  [[nodiscard]] std::string text_part() const;
  [[nodiscard]] std::string time_condition() const;

  Settings settings;
  SpillFolder spill;
  Scan scan;
  ParquetTable parquet;                          ///< of the selected objects that are sound
  std::set<std::string> tables = {"flow_logs"};  ///< that SQL may read
  std::set<std::string> unreadable;              ///< paths that are not tried again
  Statistics selected;
  std::unique_ptr<Duck> duck;  ///< last: it uses what stands above
};

base::Expected<void> Engine::State::start() {
  auto opened = Duck::open();
  if (!opened) return tl::unexpected(opened.error());
  duck = std::move(*opened);
  scan.without_header =
      settings.without_header.empty() ? default_columns() : settings.without_header;
  scan.is_strict = settings.is_strict;
  std::erase_if(settings.objects, [this](const logs::Object& object) {
    if (object.kind != logs::ObjectKind::unlisted) return false;
    scan.problems.damaged(object.name, {"", "cannot be listed, and what it has is missing", ""});
    return true;
  });
  for (const logs::Object& object : settings.objects) selected.bytes_listed += object.bytes;
  selected.objects_listed = settings.objects.size();
  const unsigned threads =
      settings.threads != 0 ? settings.threads : std::max(1U, std::thread::hardware_concurrency());
  scan.totals_bytes = std::max(kTotalsBytes / threads, kLeastTotalsBytes);
  std::string paths = sql_text(result_path());
  for (const logs::Object& object : settings.objects) {
    if (object.kind == logs::ObjectKind::parquet) {
      paths += ", " + sql_text(object.path);
    }
  }
  // The limit holds whatever a query reads; larger intermediate results go to the spill folder.
  for (const std::string& statement :
       {fmt::format("SET threads = {}", threads), std::string("SET memory_limit = '208MB'"),
        "SET temp_directory = " + sql_text(spill.path().string()),
        std::string("SET TimeZone = 'UTC'"), std::string("SET preserve_insertion_order = false"),
        std::string("SET autoinstall_known_extensions = false"),
        std::string("SET autoload_known_extensions = false"),
        "SET allowed_paths = [" + paths + "]"}) {
    if (auto done = duck->run(statement); !done) return tl::unexpected(done.error());
  }
  if (auto done = register_functions(*duck); !done) return done;
  if (auto done = register_time_function(*duck, scan.problems); !done) return done;
  if (auto done = register_scan(*duck, scan); !done) return done;
  auto loaded = load_tables(*duck, settings.tables);
  if (!loaded) return tl::unexpected(loaded.error());
  tables.merge(*loaded);
  for (const char* statement :
       {"SET enable_external_access = false", "SET lock_configuration = true"}) {
    if (auto done = duck->run(statement); !done) return tl::unexpected(done.error());
  }
  return {};
}

/// Finds out which objects the query needs and defines `flow_logs` over them. `found` are fields
/// that only reading the objects told of. Returns what is to be run.
base::Expected<std::string> Engine::State::plan(const std::string& sql,
                                                const std::vector<std::string>& found) {
  scan.objects.clear();
  scan.equalities.clear();
  scan.wants_every_column = false;
  scan.merges.clear();
  parquet = {};
  // First with all fields that are known; a query that names others needs a look at the objects.
  std::vector<std::string> others = found;
  if (auto done = define_table(with_all_known({kAnyField})); !done) {
    return tl::unexpected(done.error());
  }
  if (auto checked = check_only_reads(*duck, sql, tables); !checked) {
    return tl::unexpected(checked.error());
  }
  bool has_any = true;
  if (!Prepared().prepare(*duck, sql)) {
    auto fields = look_at_formats(every_object());
    if (!fields) return tl::unexpected(fields.error());
    add_fields(*fields, others);
    auto bound = bind(sql, others, {});
    for_fields_behind_the_front([&](const std::vector<std::string>& fields_behind) {
      if (bound || !add_fields(fields_behind, others)) return !bound;
      bound = bind(sql, others, {});
      return !bound;
    });
    if (!bound) return tl::unexpected(bound.error());
    std::vector<std::string> with_any = *bound;
    with_any.emplace_back(kAnyField);
    has_any = bind(sql, with_any).has_value();
    if (!has_any) bound = bind(sql, *bound, {});
  }
  auto pushed = push_down(*duck, sql, settings.objects);
  if (!pushed) return tl::unexpected(pushed.error());
  scan.wants_every_column = pushed->wants_every_column || !has_any;
  auto present = look_at_formats(pushed->objects);
  if (!present) return tl::unexpected(present.error());
  add_fields(found, *present);
  const auto tree = pushed->scans_nothing ? parse_one(*duck, sql) : std::nullopt;
  if (tree && has_type(*tree, "SHOW_REF")) {  // DESCRIBE is to name what SELECT * has
    for_fields_behind_the_front([&](const std::vector<std::string>& fields) {
      add_fields(fields, *present);
      return true;
    });
  }
  selected.objects_selected = pushed->objects.size();
  selected.bytes_selected = 0;
  for (const std::size_t number : pushed->objects) {
    const logs::Object& object = settings.objects[number];
    selected.bytes_selected += object.bytes;
    if (object.kind == logs::ObjectKind::text && !unreadable.contains(object.path)) {
      scan.objects.push_back(object);
    }
  }
  scan.equalities = std::move(pushed->equalities);
  auto bound = bind(sql, *present, others);
  if (!bound) return tl::unexpected(bound.error());
  // --since and --until look at each record's end.
  return time_condition().empty() ? merge_early(sql, *bound) : sql;
}

/// Has the scan make one row of lines that the query need not see one by one. Returns the query
/// that then has the same answer.
std::string Engine::State::merge_early(const std::string& sql,
                                       const std::vector<std::string>& fields) {
  Mergeable found = mergeable(*duck, sql, scan.columns);
  if (found.counting &&
      (!define_table(fields, true) || !Prepared().prepare(*duck, *found.counting))) {
    define_table(fields);
    return sql;
  }
  scan.merges = std::move(found.columns);
  return found.counting.value_or(sql);
}

/// Defines `flow_logs` with the fields that are there; the others are added, as NULL, only for
/// queries that name them, so that SELECT * shows what the objects have. Returns its fields.
base::Expected<std::vector<std::string>> Engine::State::bind(
    const std::string& sql, std::vector<std::string> present,
    const std::vector<std::string>& others) {
  auto bound = bind(sql, present);
  if (!bound && add_fields(others, present)) bound = bind(sql, present);
  if (bound) return present;
  present = with_all_known(std::move(present));
  bound = bind(sql, present);
  if (!bound) return tl::unexpected(bound.error());
  return present;
}

base::Expected<void> Engine::State::bind(const std::string& sql,
                                         const std::vector<std::string>& fields) {
  if (auto done = define_table(fields); !done) return done;
  return Prepared().prepare(*duck, sql);
}

std::vector<std::size_t> Engine::State::every_object() const {
  std::vector<std::size_t> all(settings.objects.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

/// The fields at the front of the objects, in the order in which they are met.
base::Expected<std::vector<std::string>> Engine::State::look_at_formats(
    const std::vector<std::size_t>& numbers) {
  std::vector<std::string> fields;
  parquet = {};
  for (const std::size_t number : numbers) {
    const logs::Object& object = settings.objects[number];
    if (unreadable.contains(object.path)) continue;
    auto found = object.kind == logs::ObjectKind::parquet
                     ? parquet.add(*duck, object)
                     : logs::fields_at_front(object, scan.without_header);
    if (!found) {
      damaged(object, found.error());
      continue;
    }
    if ((settings.since || settings.until) &&
        std::find(found->begin(), found->end(), "end") == found->end()) {
      return base::fail(object.name, "has no field end, by which --since and --until choose",
                        "leave them out and ask for log_date");
    }
    if (object.kind == logs::ObjectKind::text) tell_without_column(object, *found);
    add_fields(*found, fields);
  }
  return fields.empty() ? default_columns() : fields;
}

/// Calls `use` with the fields of headers that stand behind an object's front, until it returns
/// false. AWS's objects have none: a flow log's format never changes (facts/flow-logs.md §6.4).
void Engine::State::for_fields_behind_the_front(
    const std::function<bool(const std::vector<std::string>&)>& use) {
  bool goes_on = true;
  for (const logs::Object& object : settings.objects) {
    const bool is_aws = !object.key.flow_log_id.empty();
    if (is_aws || object.kind != logs::ObjectKind::text || unreadable.contains(object.path)) {
      continue;
    }
    if (!goes_on) return;
    logs::for_later_headers(object, scan.without_header, scan.is_cancelled,
                            [&](const std::vector<std::string>& fields) {
                              goes_on = use(fields);
                              return goes_on;
                            });
  }
}

void Engine::State::tell_without_column(const logs::Object& object,
                                        const std::vector<std::string>& fields) {
  const auto without = without_column(fields);
  if (without.empty()) return;
  scan.problems.bad_line(
      object.name, 1,
      fmt::format("the header names {} twice or as one of Weir's columns, and it is left out",
                  fmt::join(without, ", ")));
}

void Engine::State::damaged(const logs::Object& object, const base::Error& error) {
  scan.problems.damaged(object.name, error);
  unreadable.insert(object.path);
}

/// After a query has failed: reads each Parquet object whole, and leaves out those that cannot be.
bool Engine::State::drop_damaged_parquet(const base::Error& failure) {
  for (const char* reason : {"Out of", "INTERRUPT"}) {
    if (failure.what.starts_with(reason)) return false;  // of the query's own
  }
  bool has_dropped = false;
  for (const logs::Object& object : parquet.objects()) {
    ParquetTable alone;
    if (!alone.add(*duck, object)) continue;
    auto all = duck->run("SELECT max(hash(p)) FROM (" + alone.select() + ") AS p");
    if (all || scan.is_cancelled) continue;
    damaged(object, {"", all.error().what, ""});
    has_dropped = true;
  }
  return has_dropped;
}

/// Plans and asks, and asks again when that told of objects what planning did not know. `has_rows`:
/// some have been handed out, so that it is too late.
base::Expected<void> Engine::State::run(
    const std::string& sql, const bool& has_rows,
    const std::function<base::Expected<void>(const std::string&)>& ask) {
  std::vector<std::string> found;
  for (;;) {
    auto planned = plan(sql, found);
    if (!planned) return tl::unexpected(planned.error());
    scan.new_fields.reset();
    auto done = ask(*planned);
    if (done) return done;
    if (*planned != sql) done = tl::unexpected(without_place(done.error()));
    if (scan.new_fields && has_rows) {
      std::string names = fmt::format("{}", fmt::join(scan.new_fields->names, ", "));
      std::replace(names.begin(), names.end(), '-', '_');
      return base::fail(scan.new_fields->where,
                        "has columns that no line before it has (" + names +
                            "), and rows have been handed out without them",
                        "name the columns that you want instead of *");
    }
    const bool has_found = scan.new_fields && add_fields(scan.new_fields->names, found);
    if (!has_found && (!drop_damaged_parquet(done.error()) || has_rows)) return done;
  }
}

base::Expected<void> Engine::State::define_table(const std::vector<std::string>& fields,
                                                 bool counts) {
  scan.columns = columns_of(fields);
  if (counts) scan.columns.push_back(rows_column());
  std::string sql = "CREATE OR REPLACE TEMP VIEW flow_logs AS ";
  const std::string condition = time_condition();
  std::string rows = text_part();
  if (!parquet.objects().empty()) rows += " UNION ALL BY NAME " + parquet.select(counts);
  sql += condition.empty() ? rows : "SELECT * FROM (" + rows + ") WHERE " + condition;
  auto done = duck->run(sql);
  if (!done) return tl::unexpected(done.error());
  return {};
}

std::string Engine::State::text_part() const {
  return std::string("SELECT * FROM ") + kScanFunction + "()";
}

std::string Engine::State::time_condition() const {
  std::string condition;
  if (settings.since) {
    condition += fmt::format("\"end\" >= {}", settings.since->time_since_epoch().count());
  }
  if (settings.until) {
    condition += fmt::format("{}\"end\" < {}", condition.empty() ? "" : " AND ",
                             settings.until->time_since_epoch().count());
  }
  return condition;
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;

base::Expected<std::unique_ptr<Engine>> Engine::open(Settings settings) {
  auto state = std::make_unique<State>(std::move(settings));
  if (auto started = state->start(); !started) return tl::unexpected(started.error());
  return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

base::Expected<std::vector<std::string>> Engine::fields() {
  auto present = state_->look_at_formats(state_->every_object());
  if (!present) return present;
  state_->for_fields_behind_the_front([&](const std::vector<std::string>& fields) {
    add_fields(fields, *present);
    return true;
  });
  return present;
}

base::Expected<std::vector<std::string>> Engine::lacking(std::vector<std::string> fields) {
  auto present = state_->look_at_formats(state_->every_object());
  if (!present) return tl::unexpected(present.error());
  const auto take_out = [&](const std::vector<std::string>& found) {
    std::erase_if(fields, [&](const std::string& field) {
      return std::find(found.begin(), found.end(), field) != found.end();
    });
    return !fields.empty();
  };
  if (take_out(*present)) state_->for_fields_behind_the_front(take_out);
  return fields;
}

base::Expected<void> Engine::run(const std::string& sql, ResultSink& sink) {
  bool has_rows = false;
  return state_->run(sql, has_rows, [&](const std::string& planned) {
    return stream_result(*state_->duck, planned, sink, has_rows);
  });
}

base::Expected<void> Engine::run_into_parquet(const std::string& sql, std::ostream& out) {
  const std::string path = state_->result_path();
  const auto copy = [&](const std::string& planned) {
    base::Expected<void> done;
    for (const std::string& table : as_table(planned)) {
      auto copied = state_->duck->run("COPY (FROM " + table + ") TO " + sql_text(path) +
                                      " (FORMAT parquet, ROW_GROUP_SIZE 40960)");
      done = copied ? base::Expected<void>() : tl::unexpected(copied.error());
      if (done) break;
    }
    return done;
  };
  bool has_rows = false;
  if (auto done = state_->run(sql, has_rows, copy); !done) return done;
  std::ifstream file(path, std::ios::binary);
  out << file.rdbuf();
  if (!out.flush() || !file) return base::fail("the result", "cannot be written");
  return {};
}

void Engine::interrupt() {
  state_->scan.is_cancelled = true;
  duckdb_interrupt(state_->duck->connection());
}

Statistics Engine::statistics() const {
  Statistics statistics = state_->selected;
  const ScanCounters& counters = state_->scan.counters;
  statistics.objects_opened = counters.objects_opened;
  statistics.parquet_objects = state_->parquet.objects().size();
  for (const logs::Object& object : state_->parquet.objects()) {
    statistics.parquet_bytes += object.bytes;
  }
  statistics.bytes_read = counters.packed_bytes;
  statistics.lines = counters.lines;
  return statistics;
}

const logs::Problems& Engine::problems() const {
  return state_->scan.problems;
}

}  // namespace weir::query
