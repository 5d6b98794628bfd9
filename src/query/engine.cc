#include "query/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <set>
#include <thread>
#include <utility>

#include "query/duck.h"
#include "query/functions.h"
#include "query/gate.h"
#include "query/mergeable.h"
#include "query/parquet_table.h"
#include "query/pushdown.h"
#include "query/result.h"
#include "query/scan.h"
#include "query/schema.h"
#include "record/log_format.h"

namespace weir::query {
namespace {

namespace fs = std::filesystem;

/// What a query's threads have together, and each at least, for making lines one.
constexpr std::size_t kTotalsBytes = std::size_t{48} << 20U;
constexpr std::size_t kLeastTotalsBytes = std::size_t{1} << 20U;

/// A folder of our own for what does not fit into memory; gone with its owner.
class SpillFolder {
 public:
  SpillFolder() {
    std::string name = (fs::temp_directory_path() / "weir-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  SpillFolder(const SpillFolder&) = delete;
  SpillFolder& operator=(const SpillFolder&) = delete;
  ~SpillFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::vector<std::string> default_columns() {
  std::vector<std::string> names;
  const record::LogFormat format;
  for (const record::Field* field : format.fields()) names.emplace_back(field->name);
  return names;
}

}  // namespace

struct Engine::State {
  explicit State(Settings the_settings) : settings(std::move(the_settings)) {}

  base::Expected<void> start();
  base::Expected<void> load_tables() const;
  base::Expected<void> plan(const std::string& sql);
  [[nodiscard]] std::vector<std::size_t> every_object() const;
  base::Expected<std::vector<std::string>> look_at_formats(const std::vector<std::size_t>& numbers);
  std::vector<std::size_t> first_and_last_of_each_log(
      const std::vector<std::size_t>& numbers) const;
  base::Expected<std::vector<std::string>> fields_of(const logs::Object& object);
  void damaged(const logs::Object& object, const base::Error& error);
  bool drop_damaged_parquet(const base::Error& failure);
  base::Expected<void> define_table(const std::vector<std::string>& fields);
  [[nodiscard]] std::string result_path() const {
    return (spill.path() / "result.parquet").string();
  }
  [[nodiscard]] std::string text_part() const;
  [[nodiscard]] std::string time_condition() const;

  Settings settings;
  SpillFolder spill;
  Scan scan;
  ParquetTable parquet;              ///< of the selected objects that are sound
  std::set<std::string> unreadable;  ///< paths that are not tried again
  Statistics selected;
  std::unique_ptr<Duck> duck;  ///< last: it uses what stands above
};

base::Expected<void> Engine::State::start() {
  auto opened = Duck::open();
  if (!opened) return tl::unexpected(opened.error());
  duck = std::move(*opened);
  scan.without_header =
      settings.without_header.empty() ? default_columns() : settings.without_header;
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
  if (auto done = register_scan(*duck, scan); !done) return done;
  if (auto done = load_tables(); !done) return done;
  for (const char* statement :
       {"SET enable_external_access = false", "SET lock_configuration = true"}) {
    if (auto done = duck->run(statement); !done) return tl::unexpected(done.error());
  }
  return {};
}

/// The user's tables are held in memory: they are to be joined, and nothing else may be read later.
base::Expected<void> Engine::State::load_tables() const {
  static const std::set<std::string> kJson = {".json", ".jsonl", ".ndjson"};
  for (const NamedTable& table : settings.tables) {
    fs::path name = table.path;
    if (name.extension() == ".gz" || name.extension() == ".zst") name = name.stem();
    const std::string ending = name.extension().string();
    const char* reader = ending == ".parquet"     ? "read_parquet"
                         : kJson.contains(ending) ? "read_json_auto"
                                                  : "read_csv_auto";
    if (table.name == "flow_logs") {
      return base::fail("--table", "flow_logs is the name of the logs themselves", "take another");
    }
    auto done = duck->run("CREATE TABLE " + sql_name(table.name) + " AS SELECT * FROM " + reader +
                          "(" + sql_text(table.path) + ")");
    if (!done) {
      return base::fail("--table " + table.name + "=" + table.path, done.error().what);
    }
  }
  return {};
}

/// Finds out which objects the query needs and defines `flow_logs` over them.
base::Expected<void> Engine::State::plan(const std::string& sql) {
  scan.objects.clear();
  scan.equalities.clear();
  scan.merges.clear();
  parquet = {};
  // First with all fields that are known; a query that names others needs a look at the objects.
  if (auto done = define_table(with_all_known({})); !done) return done;
  if (auto checked = check_only_reads(*duck, sql); !checked) return checked;
  if (Prepared trial; !trial.prepare(*duck, sql)) {
    auto fields = look_at_formats(every_object());
    if (!fields) return tl::unexpected(fields.error());
    if (auto done = define_table(with_all_known(std::move(*fields))); !done) return done;
    if (auto prepared = trial.prepare(*duck, sql); !prepared) return prepared;
  }
  auto pushed = push_down(*duck, sql, settings.objects);
  if (!pushed) return tl::unexpected(pushed.error());
  auto present = look_at_formats(pushed->objects);
  if (!present) return tl::unexpected(present.error());
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

  // Then with the fields that are there; the others are added, as NULL, only for queries that name
  // them, so that SELECT * shows what the objects have.
  if (auto done = define_table(*present); !done) return done;
  if (Prepared trial; !trial.prepare(*duck, sql)) {
    if (auto done = define_table(with_all_known(std::move(*present))); !done) return done;
  }
  // --since and --until look at each record's end.
  if (time_condition().empty()) scan.merges = mergeable_columns(*duck, sql, scan.columns);
  return {};
}

std::vector<std::size_t> Engine::State::every_object() const {
  std::vector<std::size_t> all(settings.objects.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

/// The fields of the objects, in the order in which they are met.
base::Expected<std::vector<std::string>> Engine::State::look_at_formats(
    const std::vector<std::size_t>& numbers) {
  std::vector<std::string> fields;
  parquet = {};
  for (const std::size_t number : first_and_last_of_each_log(numbers)) {
    const logs::Object& object = settings.objects[number];
    if (unreadable.contains(object.path)) continue;
    auto found = fields_of(object);
    if (!found) {
      damaged(object, found.error());
      continue;
    }
    if ((settings.since || settings.until) &&
        std::find(found->begin(), found->end(), "end") == found->end()) {
      return base::fail(object.name, "has no field end, by which --since and --until choose",
                        "leave them out and ask for log_date");
    }
    for (const std::string& name : *found) {
      if (!name.empty() && std::find(fields.begin(), fields.end(), name) == fields.end()) {
        fields.push_back(name);
      }
    }
  }
  return fields.empty() ? default_columns() : fields;
}

/// A flow log's format never changes (facts/flow-logs.md §6.4), so its first object speaks for all;
/// the last is looked at too, for logs of other makers. Parquet objects are all looked at: DuckDB
/// would fail for one that is damaged.
std::vector<std::size_t> Engine::State::first_and_last_of_each_log(
    const std::vector<std::size_t>& numbers) const {
  std::map<std::string, std::size_t> first;
  std::map<std::string, std::size_t> last;
  std::set<std::size_t> chosen;
  for (const std::size_t number : numbers) {
    const logs::Object& object = settings.objects[number];
    const logs::Key& key = object.key;
    if (object.kind == logs::ObjectKind::parquet || key.flow_log_id.empty()) {
      chosen.insert(number);
    } else if (!unreadable.contains(object.path)) {
      const std::string log = key.account_id + key.region + key.flow_log_id;
      first.emplace(log, number);
      last[log] = number;
    }
  }
  for (const auto& numbers_of_logs : {first, last}) {
    for (const auto& [log, number] : numbers_of_logs) chosen.insert(number);
  }
  return {chosen.begin(), chosen.end()};
}

base::Expected<std::vector<std::string>> Engine::State::fields_of(const logs::Object& object) {
  if (object.kind == logs::ObjectKind::parquet) return parquet.add(*duck, object);
  logs::Problems told_later;
  auto reader = open_lines(object, scan.without_header, told_later);
  if (!reader) return tl::unexpected(reader.error());
  return (*reader)->columns();
}

void Engine::State::damaged(const logs::Object& object, const base::Error& error) {
  scan.problems.damaged(object.name, error);
  unreadable.insert(object.path);
}

/// After a query has failed: reads each Parquet object whole, and leaves out those that cannot be.
bool Engine::State::drop_damaged_parquet(const base::Error& failure) {
  for (const char* reason : {"Conversion Error", "Out of", "INTERRUPT"}) {
    if (failure.what.rfind(reason, 0) == 0) return false;  // of the query's own
  }
  bool has_dropped = false;
  for (const logs::Object& object : parquet.objects()) {
    auto all = duck->run(ParquetTable::select_all_of(object));
    if (all || scan.is_cancelled) continue;
    damaged(object, {"", all.error().what.substr(0, all.error().what.find('\n')), ""});
    has_dropped = true;
  }
  return has_dropped;
}

base::Expected<void> Engine::State::define_table(const std::vector<std::string>& fields) {
  scan.columns = columns_of(fields);
  std::string sql = "CREATE OR REPLACE TEMP VIEW flow_logs AS ";
  const std::string condition = time_condition();
  std::string rows = text_part();
  if (!parquet.objects().empty()) rows += " UNION ALL BY NAME " + parquet.select();
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
  return state_->look_at_formats(state_->every_object());
}

base::Expected<void> Engine::run(const std::string& sql, ResultSink& sink) {
  for (;;) {
    if (auto planned = state_->plan(sql); !planned) return planned;
    bool has_rows = false;
    auto done = stream_result(*state_->duck, sql, sink, has_rows);
    if (done || !state_->drop_damaged_parquet(done.error()) || has_rows) return done;
  }
}

base::Expected<void> Engine::run_into_parquet(const std::string& sql, std::ostream& out) {
  const std::string path = state_->result_path();
  base::Expected<void> done;
  do {
    if (auto planned = state_->plan(sql); !planned) return planned;
    for (const std::string& table : as_table(sql)) {
      auto copied = state_->duck->run("COPY (FROM " + table + ") TO " + sql_text(path) +
                                      " (FORMAT parquet, ROW_GROUP_SIZE 40960)");
      done = copied ? base::Expected<void>() : tl::unexpected(copied.error());
      if (done) break;
    }
  } while (!done && state_->drop_damaged_parquet(done.error()));
  if (!done) return done;
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
  statistics.objects_opened = counters.objects_opened + state_->parquet.objects().size();
  statistics.bytes_read = counters.packed_bytes;
  statistics.lines = counters.lines;
  return statistics;
}

const logs::Problems& Engine::problems() const {
  return state_->scan.problems;
}

}  // namespace weir::query
