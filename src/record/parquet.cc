#include "record/parquet.h"

#include <duckdb.h>

#include <algorithm>

#include "record/text.h"

namespace weir::record {
namespace {

std::string column_name(const Field& field) {
  std::string name(field.name);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

const char* sql_type(ParquetType type) {
  switch (type) {
    case ParquetType::int32:
      return "INTEGER";
    case ParquetType::int64:
      return "BIGINT";
    default:
      return "VARCHAR";
  }
}

std::string quoted(const std::string& text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out + quote;
}

}  // namespace

struct ParquetWriter::State {
  explicit State(LogFormat the_format) : format(std::move(the_format)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    duckdb_appender_destroy(&appender);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
  }

  base::Expected<void> run(const std::string& sql) {
    duckdb_result result{};
    const bool is_done = duckdb_query(connection, sql.c_str(), &result) == DuckDBSuccess;
    const char* reason = is_done ? nullptr : duckdb_result_error(&result);
    const std::string message = reason == nullptr ? "" : reason;
    duckdb_destroy_result(&result);
    if (is_done) return {};
    return base::fail("Parquet", message.empty() ? "DuckDB refused a statement" : message);
  }

  base::Expected<void> start() {
    std::string columns;
    for (const Field* field : format.fields()) {
      columns += (columns.empty() ? "" : ", ") + quoted(column_name(*field), '"') + " " +
                 sql_type(field->type);
    }
    if (auto done = run("CREATE OR REPLACE TABLE records (" + columns + ")"); !done) return done;
    if (duckdb_appender_create(connection, nullptr, "records", &appender) != DuckDBSuccess) {
      return base::fail("Parquet", "DuckDB gives no appender");
    }
    records = 0;
    return {};
  }

  LogFormat format;
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  duckdb_appender appender = nullptr;
  std::uint64_t records = 0;
  std::string text;  ///< of the value in work
};

ParquetWriter::ParquetWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ParquetWriter::ParquetWriter(ParquetWriter&&) noexcept = default;
ParquetWriter& ParquetWriter::operator=(ParquetWriter&&) noexcept = default;
ParquetWriter::~ParquetWriter() = default;

base::Expected<ParquetWriter> ParquetWriter::make(const LogFormat& format) {
  auto state = std::make_unique<State>(format);
  if (duckdb_open(nullptr, &state->database) != DuckDBSuccess ||
      duckdb_connect(state->database, &state->connection) != DuckDBSuccess) {
    return base::fail("Parquet", "DuckDB does not start");
  }
  // One thread, so that the rows' order and the row groups' bounds are always the same. No folder
  // for what does not fit into memory: it would be made in the current one.
  for (const char* setting :
       {"SET threads = 1", "SET memory_limit = '512MB'", "SET temp_directory = ''",
        "SET autoinstall_known_extensions = false", "SET autoload_known_extensions = false",
        "SET lock_configuration = true"}) {
    if (auto done = state->run(setting); !done) return tl::unexpected(done.error());
  }
  if (auto started = state->start(); !started) return tl::unexpected(started.error());
  return ParquetWriter(std::move(state));
}

base::Expected<void> ParquetWriter::add(const Record& record) {
  State& state = *state_;
  for (const Field* field : state.format.fields()) {
    const Value value = value_of(*field, record, state.format);
    duckdb_state status = DuckDBSuccess;
    if (field->type == ParquetType::string) {
      state.text.clear();
      append_value(state.text, value);
      status = duckdb_append_varchar_length(state.appender, state.text.data(), state.text.size());
    } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
      status = field->type == ParquetType::int32
                   ? duckdb_append_int32(state.appender, static_cast<std::int32_t>(*number))
                   : duckdb_append_int64(state.appender, *number);
    } else {
      status = duckdb_append_null(state.appender);
    }
    if (status != DuckDBSuccess) return base::fail("Parquet", "DuckDB refused a value");
  }
  if (duckdb_appender_end_row(state.appender) != DuckDBSuccess) {
    return base::fail("Parquet", "DuckDB refused a record");
  }
  ++state.records;
  return {};
}

std::uint64_t ParquetWriter::records() const {
  return state_->records;
}

base::Expected<void> ParquetWriter::write(const std::string& path) {
  State& state = *state_;
  const bool is_flushed = duckdb_appender_close(state.appender) == DuckDBSuccess;
  duckdb_appender_destroy(&state.appender);
  if (!is_flushed) return base::fail("Parquet", "DuckDB could not take the last records");
  // No USE_TMP_FILE: the file at `path` itself is written, which the caller holds open and syncs.
  if (auto done =
          state.run("COPY records TO " + quoted(path, '\'') +
                    " (FORMAT parquet, CODEC 'gzip', ROW_GROUP_SIZE 122880, USE_TMP_FILE false)");
      !done) {
    return done;
  }
  return state.start();
}

}  // namespace weir::record
