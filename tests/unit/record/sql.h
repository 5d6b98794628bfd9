// What DuckDB reads in a file: a reader that knows nothing of the writers under test.
#pragma once

#include <duckdb.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::record {

using Rows = std::vector<std::vector<std::string>>;

/// The rows of a query, as text; NULL is "NULL".
inline Rows sql(const std::string& query) {
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  duckdb_result result{};
  EXPECT_EQ(duckdb_open(nullptr, &database), DuckDBSuccess);
  EXPECT_EQ(duckdb_connect(database, &connection), DuckDBSuccess);
  const bool is_done = duckdb_query(connection, query.c_str(), &result) == DuckDBSuccess;
  EXPECT_TRUE(is_done) << query << ": " << duckdb_result_error(&result);
  Rows rows(is_done ? duckdb_row_count(&result) : 0);
  for (idx_t row = 0; row < rows.size(); ++row) {
    for (idx_t column = 0; column < duckdb_column_count(&result); ++column) {
      char* text = duckdb_value_varchar(&result, column, row);
      rows[row].emplace_back(text == nullptr ? "NULL" : text);
      duckdb_free(text);
    }
  }
  duckdb_destroy_result(&result);
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  return rows;
}

/// The lines of a gzip file, packed and unpacked by two different programs.
inline std::vector<std::string> gzip_lines(const std::string& path) {
  std::vector<std::string> lines;
  for (auto& row : sql("SELECT line FROM read_csv('" + path +
                       "', compression = 'gzip', header = false, delim = '\\x01', quote = '', "
                       "escape = '', columns = {'line': 'VARCHAR'})")) {
    lines.push_back(row[0]);
  }
  return lines;
}

}  // namespace weir::record
