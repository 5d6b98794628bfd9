#include "query/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "query/duck.h"
#include "query/functions.h"
#include "query/gate.h"
#include "query/pushdown.h"
#include "query/scan.h"
#include "query/schema.h"
#include "record/log_format.h"

namespace weir::query {
namespace {

namespace fs = std::filesystem;

/// A statement that has been prepared.
class Prepared {
 public:
  Prepared() = default;
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;
  ~Prepared() { duckdb_destroy_prepare(&statement_); }

  base::Expected<void> prepare(const Duck& duck, const std::string& sql) {
    duckdb_destroy_prepare(&statement_);
    if (duckdb_prepare(duck.connection(), sql.c_str(), &statement_) == DuckDBSuccess) return {};
    const char* reason = duckdb_prepare_error(statement_);
    return base::fail("", reason == nullptr ? "DuckDB refused the query" : reason);
  }
  [[nodiscard]] duckdb_prepared_statement get() const { return statement_; }

 private:
  duckdb_prepared_statement statement_ = nullptr;
};

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

bool is_nested(duckdb_type type) {
  return type == DUCKDB_TYPE_LIST || type == DUCKDB_TYPE_ARRAY || type == DUCKDB_TYPE_STRUCT ||
         type == DUCKDB_TYPE_MAP || type == DUCKDB_TYPE_UNION;
}

bool is_number(duckdb_type type) {
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_DECIMAL:
      return true;
    default:
      return false;
  }
}

/// Cells are text; see prepare_as_text.
void hand_out(duckdb_data_chunk chunk, std::size_t columns, ResultSink& sink) {
  const idx_t rows = duckdb_data_chunk_get_size(chunk);
  for (idx_t row = 0; row < rows; ++row) {
    ResultSink::Row cells;
    for (idx_t i = 0; i < columns; ++i) {
      duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, i);
      auto* validity = duckdb_vector_get_validity(vector);
      if (validity != nullptr && !duckdb_validity_row_is_valid(validity, row)) {
        cells.emplace_back();
        continue;
      }
      auto* text = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector)) + row;
      cells.emplace_back(std::string(duckdb_string_t_data(text), duckdb_string_t_length(*text)));
    }
    sink.row(std::move(cells));
  }
}

/// `sql` as a table that a SELECT of ours reads from. A comment or a semicolon at its end needs the
/// function.
std::vector<std::string> as_table(const std::string& sql) {
  return {"(" + sql + "\n)", "query(" + sql_text(sql) + ")"};
}

/// DuckDB itself turns whatever type into text.
base::Expected<std::vector<ResultColumn>> prepare_as_text(const Duck& duck, const std::string& sql,
                                                          Prepared& as_text) {
  Prepared original;
  if (auto done = original.prepare(duck, sql); !done) return tl::unexpected(done.error());
  std::vector<ResultColumn> columns;
  std::string list;
  const idx_t count = duckdb_prepared_statement_column_count(original.get());
  for (idx_t i = 0; i < count; ++i) {
    const char* name = duckdb_prepared_statement_column_name(original.get(), i);
    const duckdb_type type = duckdb_prepared_statement_column_type(original.get(), i);
    duckdb_logical_type logical = duckdb_prepared_statement_column_logical_type(original.get(), i);
    char* alias = duckdb_logical_type_get_alias(logical);
    const bool is_json = alias != nullptr && std::string_view(alias) == "JSON";
    columns.push_back({name == nullptr ? "" : name, is_number(type), is_json || is_nested(type)});
    list += fmt::format("{}{}(#{})::VARCHAR", i == 0 ? "" : ", ", is_nested(type) ? "to_json" : "",
                        i + 1);
    duckdb_free(alias);
    duckdb_destroy_logical_type(&logical);
    duckdb_free(const_cast<char*>(name));
  }
  base::Expected<void> done;
  for (const std::string& table : as_table(sql)) {
    done = as_text.prepare(duck, "SELECT " + list + " FROM " + table);
    if (done) return columns;
  }
  return tl::unexpected(done.error());
}

}  // namespace

struct Engine::State {
  explicit State(Settings the_settings) : settings(std::move(the_settings)) {}

  base::Expected<void> start();
  base::Expected<void> load_tables() const;
  base::Expected<void> plan(const std::string& sql);
  base::Expected<std::vector<std::string>> look_at_formats(const std::vector<std::size_t>& numbers);
  std::vector<std::size_t> first_and_last_of_each_log(
      const std::vector<std::size_t>& numbers) const;
  base::Expected<std::vector<std::string>> fields_of(const logs::Object& object);
  base::Expected<std::vector<std::string>> parquet_fields(const logs::Object& object);
  void damaged(const logs::Object& object, const base::Error& error);
  bool drop_damaged_parquet();
  base::Expected<void> define_table(const std::vector<std::string>& fields);
  [[nodiscard]] std::string result_path() const {
    return (spill.path() / "result.parquet").string();
  }
  [[nodiscard]] std::string text_part() const;
  [[nodiscard]] std::string parquet_part() const;
  [[nodiscard]] std::string time_condition() const;
  base::Expected<void> stream(const std::string& sql, ResultSink& sink, bool& has_rows);

  Settings settings;
  SpillFolder spill;
  Scan scan;
  /// A column that the selected Parquet objects have.
  struct ParquetColumn {
    Column column;
    std::string name;      ///< in the file: "log_status" or "log-status"
    bool is_text = false;  ///< in some of the files
  };
  std::vector<ParquetColumn> parquet;
  std::vector<logs::Object> parquet_objects;  ///< selected, and sound
  std::set<std::string> unreadable;           ///< paths that are not tried again
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
  std::string paths = sql_text(result_path());
  for (const logs::Object& object : settings.objects) {
    if (object.kind == logs::ObjectKind::parquet) {
      paths += ", " + sql_text(object.path);
    }
  }
  // The limit holds whatever a query reads; larger intermediate results go to the spill folder.
  for (const std::string& statement :
       {fmt::format("SET threads = {}", threads), std::string("SET memory_limit = '256MB'"),
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
  parquet_objects.clear();
  std::vector<std::size_t> all(settings.objects.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;

  // First with all fields that are known; a query that names others needs a look at the objects.
  if (auto done = define_table(with_all_known({})); !done) return done;
  if (auto checked = check_only_reads(*duck, sql); !checked) return checked;
  if (Prepared trial; !trial.prepare(*duck, sql)) {
    auto fields = look_at_formats(all);
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
  Prepared trial;
  if (trial.prepare(*duck, sql)) return {};
  return define_table(with_all_known(std::move(*present)));
}

/// The fields of the objects, in the order in which they are met.
base::Expected<std::vector<std::string>> Engine::State::look_at_formats(
    const std::vector<std::size_t>& numbers) {
  std::vector<std::string> fields;
  parquet.clear();
  parquet_objects.clear();
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
  if (object.kind == logs::ObjectKind::parquet) return parquet_fields(object);
  logs::Problems told_later;
  auto reader = open_lines(object, scan.without_header, told_later);
  if (!reader) return tl::unexpected(reader.error());
  return (*reader)->columns();
}

void Engine::State::damaged(const logs::Object& object, const base::Error& error) {
  scan.problems.damaged(object.name, error);
  unreadable.insert(object.path);
}

base::Expected<std::vector<std::string>> Engine::State::parquet_fields(const logs::Object& object) {
  if (object.path.find_first_of("*?[") != std::string::npos) {
    return base::fail("", "has *, ? or [ in its name, which DuckDB takes for a pattern");
  }
  auto described = duck->run("DESCRIBE SELECT * FROM read_parquet(" + sql_text(object.path) +
                             ", hive_partitioning = false)");
  if (!described) {
    // The statement is ours and tells the user nothing.
    return base::fail("", described.error().what.substr(0, described.error().what.find('\n')));
  }
  std::vector<std::string> fields;
  for (idx_t i = 0; i < described->rows(); ++i) {
    const std::string name = described->text(0, i);
    const bool is_text = described->text(1, i) == "VARCHAR";
    std::string field = name;
    std::replace(field.begin(), field.end(), '_', '-');
    for (Column& column : columns_of({field})) {
      if (column.source != ColumnSource::field) continue;
      const auto known = std::find_if(
          parquet.begin(), parquet.end(),
          [&](const ParquetColumn& other) { return other.column.name == column.name; });
      if (known == parquet.end()) {
        parquet.push_back({std::move(column), name, is_text});
      } else {
        known->is_text |= is_text;
      }
    }
    fields.push_back(std::move(field));
  }
  parquet_objects.push_back(object);
  return fields;
}

/// After a query has failed: reads each Parquet object whole, and leaves out those that cannot be.
bool Engine::State::drop_damaged_parquet() {
  bool has_dropped = false;
  for (const logs::Object& object : parquet_objects) {
    auto all = duck->run("SELECT max(hash(p)) FROM read_parquet(" + sql_text(object.path) +
                         ", hive_partitioning = false) AS p");
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
  if (!parquet_objects.empty()) rows += " UNION ALL BY NAME " + parquet_part();
  sql += condition.empty() ? rows : "SELECT * FROM (" + rows + ") WHERE " + condition;
  auto done = duck->run(sql);
  if (!done) return tl::unexpected(done.error());
  return {};
}

std::string Engine::State::text_part() const {
  return std::string("SELECT * FROM ") + kScanFunction + "()";
}

/// The columns that the Parquet objects have, typed as ours; `-` in text is NULL there too
/// (facts/flow-logs.md §3.2).
std::string Engine::State::parquet_part() const {
  std::string columns;
  bool has_start = false;
  bool has_end = false;
  const auto time_column = [](const std::string& name) {
    return "make_timestamp(nullif(p." + sql_name(name) + "::VARCHAR, '-')::BIGINT * 1000000) AS " +
           name + "_time, ";
  };
  for (const auto& [column, file_name, is_text] : parquet) {
    has_start |= column.name == "start";
    has_end |= column.name == "end";
    const std::string name = "p." + sql_name(file_name);
    const std::string value =
        is_text || column.type == ColumnType::varchar ? "nullif(" + name + "::VARCHAR, '-')" : name;
    columns += fmt::format("{}::{} AS {}, ", value, column.sql_type(), sql_name(column.name));
  }
  if (has_start) columns += time_column("start");
  if (has_end) columns += time_column("end");
  std::string paths;
  std::string keys;
  for (const logs::Object& object : parquet_objects) {
    const logs::Key& key = object.key;
    const auto text = [](const std::string& value) {
      return value.empty() ? "NULL" : sql_text(value);
    };
    paths += (paths.empty() ? "" : ", ") + sql_text(object.path);
    keys += fmt::format(
        "{}({}, {}, {}, {}, {})", keys.empty() ? "" : ", ", sql_text(object.path),
        text(key.account_id), text(key.region),
        key.date ? fmt::format("DATE '1970-01-01' + {}", key.date->time_since_epoch().count())
                 : "NULL",
        key.hour ? std::to_string(*key.hour) : "NULL");
  }
  return "SELECT " + columns +
         "k.log_account::VARCHAR AS log_account, k.log_region::VARCHAR AS log_region, "
         "k.log_date::DATE AS log_date, k.log_hour::INTEGER AS log_hour FROM read_parquet([" +
         paths +
         "], union_by_name = true, filename = true, hive_partitioning = false) AS p JOIN "
         "(VALUES " +
         keys + ") AS k(path, log_account, log_region, log_date, log_hour) ON p.filename = k.path";
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

base::Expected<void> Engine::State::stream(const std::string& sql, ResultSink& sink,
                                           bool& has_rows) {
  Prepared as_text;
  auto columns = prepare_as_text(*duck, sql, as_text);
  if (!columns) return tl::unexpected(columns.error());
  DuckResult result;
  if (duckdb_execute_prepared_streaming(as_text.get(), &result.get()) != DuckDBSuccess) {
    const char* reason = duckdb_result_error(&result.get());
    return base::fail("", reason == nullptr ? "the query failed" : reason);
  }
  for (;;) {
    duckdb_data_chunk chunk = duckdb_fetch_chunk(result.get());
    if (chunk == nullptr) break;
    if (!std::exchange(has_rows, true)) sink.columns(*columns);
    hand_out(chunk, columns->size(), sink);
    duckdb_destroy_data_chunk(&chunk);
  }
  const char* reason = duckdb_result_error(&result.get());
  if (reason != nullptr && *reason != '\0') return base::fail("", reason);
  if (!has_rows) sink.columns(*columns);
  return {};
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;

base::Expected<std::unique_ptr<Engine>> Engine::open(Settings settings) {
  auto state = std::make_unique<State>(std::move(settings));
  if (auto started = state->start(); !started) return tl::unexpected(started.error());
  return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

base::Expected<void> Engine::run(const std::string& sql, ResultSink& sink) {
  for (;;) {
    if (auto planned = state_->plan(sql); !planned) return planned;
    bool has_rows = false;
    auto done = state_->stream(sql, sink, has_rows);
    if (done || !state_->drop_damaged_parquet() || has_rows) return done;
  }
}

base::Expected<void> Engine::run_into_parquet(const std::string& sql, std::ostream& out) {
  const std::string path = state_->result_path();
  base::Expected<void> done;
  do {
    if (auto planned = state_->plan(sql); !planned) return planned;
    for (const std::string& table : as_table(sql)) {
      auto copied =
          state_->duck->run("COPY (FROM " + table + ") TO " + sql_text(path) + " (FORMAT parquet)");
      done = copied ? base::Expected<void>() : tl::unexpected(copied.error());
      if (done) break;
    }
  } while (!done && state_->drop_damaged_parquet());
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
  statistics.objects_opened = counters.objects_opened + state_->parquet_objects.size();
  statistics.bytes_read = counters.packed_bytes;
  statistics.lines = counters.lines;
  return statistics;
}

const logs::Problems& Engine::problems() const {
  return state_->scan.problems;
}

}  // namespace weir::query
