#include "query/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <set>
#include <thread>

#include "logs/line_reader.h"
#include "query/duck.h"
#include "query/functions.h"
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

std::string without_semicolon(std::string sql) {
  const std::size_t end = sql.find_last_not_of(" \t\r\n;");
  sql.resize(end == std::string::npos ? 0 : end + 1);
  return sql;
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

}  // namespace

struct Engine::State {
  explicit State(Settings the_settings) : settings(std::move(the_settings)) {}

  base::Expected<void> start();
  base::Expected<void> load_tables() const;
  base::Expected<void> check_statement(const std::string& sql) const;
  base::Expected<void> plan(const std::string& sql);
  std::vector<std::string> look_at_formats(const std::vector<std::size_t>& numbers,
                                           logs::Problems& problems);
  std::vector<std::string> parquet_columns(const std::string& path, logs::Problems& problems) const;
  [[nodiscard]] std::vector<std::size_t> every_object() const;
  base::Expected<void> define_table(const std::vector<std::string>& fields);
  [[nodiscard]] std::string result_path() const {
    return (spill.path() / "result.parquet").string();
  }
  [[nodiscard]] std::string text_part() const;
  [[nodiscard]] std::string parquet_part() const;
  [[nodiscard]] std::string time_condition() const;
  base::Expected<void> stream(const std::string& sql, ResultSink& sink);

  Settings settings;
  SpillFolder spill;
  Scan scan;
  std::vector<Column> parquet;                ///< columns that the selected Parquet objects have
  std::vector<logs::Object> parquet_objects;  ///< selected, and sound
  Statistics selected;
  std::unique_ptr<Duck> duck;  ///< last: it uses what stands above
};

base::Expected<void> Engine::State::start() {
  auto opened = Duck::open();
  if (!opened) return tl::unexpected(opened.error());
  duck = std::move(*opened);
  scan.without_header =
      settings.without_header.empty() ? default_columns() : settings.without_header;
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
  for (const NamedTable& table : settings.tables) {
    const std::string ending = fs::path(table.path).extension().string();
    const char* reader = ending == ".parquet" ? "read_parquet"
                         : ending == ".json"  ? "read_json_auto"
                                              : "read_csv_auto";
    auto done = duck->run("CREATE TABLE " + sql_name(table.name) + " AS SELECT * FROM " + reader +
                          "(" + sql_text(table.path) + ")");
    if (!done) {
      return base::fail("--table " + table.name + "=" + table.path, done.error().what);
    }
  }
  return {};
}

/// One statement, and one that only reads.
base::Expected<void> Engine::State::check_statement(const std::string& sql) const {
  duckdb_extracted_statements statements = nullptr;
  const idx_t count = duckdb_extract_statements(duck->connection(), sql.c_str(), &statements);
  const char* reason = duckdb_extract_statements_error(statements);
  const std::string error = reason == nullptr ? "" : reason;
  base::Expected<void> result;
  if (count == 0) {
    result = base::fail("", error.empty() ? "the query is empty" : error);
  } else if (count > 1) {
    result = base::fail("", "is more than one statement", "give one SELECT");
  } else {
    duckdb_prepared_statement statement = nullptr;
    // Preparing may fail for a column that is not defined yet; that is said later.
    if (duckdb_prepare_extracted_statement(duck->connection(), statements, 0, &statement) ==
        DuckDBSuccess) {
      const auto type = duckdb_prepared_statement_type(statement);
      if (type != DUCKDB_STATEMENT_TYPE_SELECT && type != DUCKDB_STATEMENT_TYPE_EXPLAIN) {
        result = base::fail("", "the statement does more than read", "give a SELECT");
      }
    }
    duckdb_destroy_prepare(&statement);
  }
  duckdb_destroy_extracted(&statements);
  return result;
}

/// Finds out which objects the query needs and defines `flow_logs` over them.
base::Expected<void> Engine::State::plan(const std::string& sql) {
  scan.objects.clear();
  scan.equalities.clear();
  parquet_objects.clear();
  // First with all fields that are known; a query that names others needs a look at the objects.
  if (auto done = define_table(with_all_known({})); !done) return done;
  if (auto checked = check_statement(sql); !checked) return checked;
  auto pushed = push_down(*duck, sql, settings.objects);
  if (!pushed) {
    if (auto done = define_table(with_all_known(look_at_formats(every_object(), scan.problems)));
        !done)
      return done;
    if (auto checked = check_statement(sql); !checked) return checked;
    pushed = push_down(*duck, sql, settings.objects);
    if (!pushed) return tl::unexpected(pushed.error());
  }
  const std::vector<std::string> present = look_at_formats(pushed->objects, scan.problems);
  selected.objects_selected = pushed->objects.size();
  selected.bytes_selected = 0;
  for (const std::size_t number : pushed->objects) {
    const logs::Object& object = settings.objects[number];
    selected.bytes_selected += object.bytes;
    if (object.kind == logs::ObjectKind::text) scan.objects.push_back(object);
  }
  scan.equalities = std::move(pushed->equalities);

  // Then with the fields that are there; the others are added, as NULL, only for queries that name
  // them, so that SELECT * shows what the objects have.
  if (auto done = define_table(present); !done) return done;
  Prepared trial;
  if (trial.prepare(*duck, sql)) return {};
  return define_table(with_all_known(present));
}

std::vector<std::size_t> Engine::State::every_object() const {
  std::vector<std::size_t> all(settings.objects.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

/// The fields of the objects, in the order in which they are met. A flow log's format never changes
/// (facts/flow-logs.md §6.4), so one of its objects speaks for all of a day.
std::vector<std::string> Engine::State::look_at_formats(const std::vector<std::size_t>& numbers,
                                                        logs::Problems& problems) {
  std::vector<std::string> fields;
  std::set<std::string> seen;
  parquet.clear();
  parquet_objects.clear();
  const auto add = [&](const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      if (!name.empty() && std::find(fields.begin(), fields.end(), name) == fields.end()) {
        fields.push_back(name);
      }
    }
  };
  for (const std::size_t number : numbers) {
    const logs::Object& object = settings.objects[number];
    if (object.kind == logs::ObjectKind::parquet) {
      const auto columns = parquet_columns(object.path, problems);
      add(columns);
      for (Column& column : columns_of(columns)) {
        if (column.source != ColumnSource::field) continue;
        const bool is_new = std::none_of(parquet.begin(), parquet.end(), [&](const Column& other) {
          return other.name == column.name;
        });
        if (is_new) parquet.push_back(std::move(column));
      }
      if (!columns.empty()) parquet_objects.push_back(object);
      continue;
    }
    const logs::Key& key = object.key;
    if (!key.flow_log_id.empty() &&
        !seen.insert(key.account_id + key.region + key.flow_log_id).second) {
      continue;
    }
    auto input = base::open_file(object.path);
    if (!input) continue;
    logs::Problems told_later;
    auto reader =
        logs::LineReader::open(std::move(*input), object.path, scan.without_header, told_later);
    if (reader) add((*reader)->columns());
  }
  return fields.empty() ? default_columns() : fields;
}

/// The fields of a Parquet object; none, and a problem, where it is damaged.
std::vector<std::string> Engine::State::parquet_columns(const std::string& path,
                                                        logs::Problems& problems) const {
  auto described = duck->run("DESCRIBE SELECT * FROM read_parquet(" + sql_text(path) +
                             ", hive_partitioning = false)");
  std::vector<std::string> names;
  if (!described) {
    problems.damaged(path, described.error());
    return names;
  }
  for (idx_t i = 0; i < described->rows(); ++i) {
    std::string name = described->text(0, i);
    std::replace(name.begin(), name.end(), '_', '-');
    names.push_back(std::move(name));
  }
  return names;
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
  for (const Column& column : parquet) {
    has_start |= column.name == "start";
    has_end |= column.name == "end";
    const std::string name = "p." + sql_name(column.name);
    const std::string value = column.type == ColumnType::varchar
                                  ? "nullif(" + name + "::VARCHAR, '-')"
                                  : name + "::" + column.sql_type();
    columns += value + " AS " + sql_name(column.name) + ", ";
  }
  if (has_start) columns += "make_timestamp(p.\"start\"::BIGINT * 1000000) AS start_time, ";
  if (has_end) columns += "make_timestamp(p.\"end\"::BIGINT * 1000000) AS end_time, ";
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

base::Expected<void> Engine::State::stream(const std::string& sql, ResultSink& sink) {
  Prepared original;
  if (auto prepared = original.prepare(*duck, sql); !prepared) return prepared;
  std::vector<ResultColumn> columns;
  std::string list;
  const idx_t count = duckdb_prepared_statement_column_count(original.get());
  for (idx_t i = 0; i < count; ++i) {
    const char* name = duckdb_prepared_statement_column_name(original.get(), i);
    columns.push_back({name == nullptr ? "" : name,
                       is_number(duckdb_prepared_statement_column_type(original.get(), i))});
    duckdb_free(const_cast<char*>(name));
    list += fmt::format("{}#{}::VARCHAR", i == 0 ? "" : ", ", i + 1);
  }
  // DuckDB itself turns whatever type into text.
  const bool is_select =
      duckdb_prepared_statement_type(original.get()) == DUCKDB_STATEMENT_TYPE_SELECT;
  Prepared as_text;
  const bool is_wrapped =
      is_select && as_text.prepare(*duck, "SELECT " + list + " FROM (" + sql + "\n)").has_value();
  DuckResult result;
  if (duckdb_execute_prepared_streaming(is_wrapped ? as_text.get() : original.get(),
                                        &result.get()) != DuckDBSuccess) {
    const char* reason = duckdb_result_error(&result.get());
    return base::fail("", reason == nullptr ? "the query failed" : reason);
  }
  sink.columns(columns);
  for (;;) {
    duckdb_data_chunk chunk = duckdb_fetch_chunk(result.get());
    if (chunk == nullptr) break;
    const idx_t rows = duckdb_data_chunk_get_size(chunk);
    for (idx_t row = 0; row < rows; ++row) {
      ResultSink::Row cells;
      for (idx_t i = 0; i < count; ++i) {
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
    duckdb_destroy_data_chunk(&chunk);
  }
  const char* reason = duckdb_result_error(&result.get());
  if (reason != nullptr && *reason != '\0') return base::fail("", reason);
  return {};
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;

base::Expected<std::unique_ptr<Engine>> Engine::open(Settings settings) {
  auto state = std::make_unique<State>(std::move(settings));
  if (auto started = state->start(); !started) return tl::unexpected(started.error());
  return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

std::vector<std::string> Engine::fields() {
  logs::Problems told_by_the_query;
  return state_->look_at_formats(state_->every_object(), told_by_the_query);
}

base::Expected<void> Engine::run(const std::string& sql, ResultSink& sink) {
  const std::string statement = without_semicolon(sql);
  if (auto planned = state_->plan(statement); !planned) return planned;
  return state_->stream(statement, sink);
}

base::Expected<void> Engine::run_into_parquet(const std::string& sql, std::ostream& out) {
  const std::string statement = without_semicolon(sql);
  if (auto planned = state_->plan(statement); !planned) return planned;
  const std::string path = state_->result_path();
  auto done =
      state_->duck->run("COPY (" + statement + "\n) TO " + sql_text(path) + " (FORMAT parquet)");
  if (!done) return tl::unexpected(done.error());
  std::ifstream file(path, std::ios::binary);
  out << file.rdbuf();
  if (!out.flush() || !file) return base::fail("the result", "cannot be written");
  return {};
}

void Engine::interrupt() {
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
