#include "query/duck.h"

namespace weir::query {
namespace {

std::string quoted(const std::string& text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out + quote;
}

}  // namespace

std::string sql_text(const std::string& text) {
  return quoted(text, '\'');
}

std::string sql_name(const std::string& name) {
  return quoted(name, '"');
}

std::string DuckResult::text(idx_t column, idx_t row) {
  char* value = duckdb_value_varchar(&result_, column, row);
  std::string out = value == nullptr ? "" : value;
  duckdb_free(value);
  return out;
}

base::Expected<std::unique_ptr<Duck>> Duck::open() {
  std::unique_ptr<Duck> duck(new Duck);
  if (duckdb_open(nullptr, &duck->database_) != DuckDBSuccess ||
      duckdb_connect(duck->database_, &duck->connection_) != DuckDBSuccess) {
    return base::fail("DuckDB", "cannot be started");
  }
  return duck;
}

Duck::~Duck() {
  duckdb_disconnect(&connection_);
  duckdb_close(&database_);
}

base::Expected<DuckResult> Duck::run(const std::string& sql) const {
  DuckResult result;
  if (duckdb_query(connection_, sql.c_str(), &result.get()) == DuckDBSuccess) return result;
  const char* reason = duckdb_result_error(&result.get());
  return base::fail("", reason == nullptr ? "DuckDB refused a statement" : reason);
}

base::Expected<void> Prepared::prepare(const Duck& duck, const std::string& sql) {
  duckdb_destroy_prepare(&statement_);
  if (duckdb_prepare(duck.connection(), sql.c_str(), &statement_) == DuckDBSuccess) return {};
  const char* reason = duckdb_prepare_error(statement_);
  return base::fail("", reason == nullptr ? "DuckDB refused the query" : reason);
}

}  // namespace weir::query
