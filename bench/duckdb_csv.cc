// The peer of `weir query`: the same DuckDB reads the same objects with its own CSV reader, told
// all that it could otherwise only guess.
//
// usage: duckdb_csv FOLDER THREADS SQL     the table is flow_logs
#include <duckdb.h>
#include <fmt/format.h>

#include <string>
#include <vector>

namespace {

/// Runs a statement and prints its rows as CSV; false, and the reason on stderr, if it fails.
bool run(duckdb_connection connection, const std::string& sql) {
  duckdb_result result;
  const bool is_done = duckdb_query(connection, sql.c_str(), &result) == DuckDBSuccess;
  if (!is_done) fmt::print(stderr, "{}\n", duckdb_result_error(&result));
  for (idx_t row = 0; is_done && row < duckdb_row_count(&result); ++row) {
    for (idx_t column = 0; column < duckdb_column_count(&result); ++column) {
      char* text = duckdb_value_varchar(&result, column, row);
      fmt::print("{}{}", column == 0 ? "" : ",", text == nullptr ? "" : text);
      duckdb_free(text);
    }
    fmt::print("\n");
  }
  duckdb_destroy_result(&result);
  return is_done;
}

bool run_all(const std::vector<std::string>& statements) {
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  bool is_good = duckdb_open(nullptr, &database) == DuckDBSuccess &&
                 duckdb_connect(database, &connection) == DuckDBSuccess;
  for (const std::string& sql : statements) is_good = is_good && run(connection, sql);
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  return is_good;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> given(argv + 1, argv + argc);
  if (given.size() != 3) {
    fmt::print(stderr, "usage: duckdb_csv FOLDER THREADS SQL\n");
    return 2;
  }
  const std::string view =
      "CREATE VIEW flow_logs AS SELECT * FROM read_csv('" + given[0] +
      "/**/*.log.gz', delim = ' ', header = true, quote = '', escape = '', nullstr = '-', "
      "auto_detect = false, columns = {'version': 'INTEGER', 'account_id': 'VARCHAR', "
      "'interface_id': 'VARCHAR', 'srcaddr': 'VARCHAR', 'dstaddr': 'VARCHAR', "
      "'srcport': 'INTEGER', 'dstport': 'INTEGER', 'protocol': 'INTEGER', 'packets': 'BIGINT', "
      "'bytes': 'BIGINT', 'start': 'BIGINT', 'end': 'BIGINT', 'action': 'VARCHAR', "
      "'log_status': 'VARCHAR'})";
  const bool is_good = run_all(
      {"SET threads = " + given[1], "SET preserve_insertion_order = false", view, given[2]});
  return is_good ? 0 : 1;
} catch (const std::exception& error) {
  fmt::print(stderr, "duckdb_csv: {}\n", error.what());
  return 1;
}
