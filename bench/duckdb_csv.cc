// The peer of `weir query`: the same DuckDB reads the same objects with its own CSV reader, told
// all that it could otherwise only guess.
//
// usage: duckdb_csv FOLDER THREADS SQL     the table is flow_logs
#include <duckdb.h>

#include <cstdio>
#include <string>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: duckdb_csv FOLDER THREADS SQL\n", stderr);
    return 2;
  }
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  if (duckdb_open(nullptr, &database) != DuckDBSuccess ||
      duckdb_connect(database, &connection) != DuckDBSuccess) {
    return 1;
  }
  const std::string view =
      std::string("CREATE VIEW flow_logs AS SELECT * FROM read_csv('") + argv[1] +
      "/**/*.log.gz', delim = ' ', header = true, quote = '', escape = '', nullstr = '-', "
      "auto_detect = false, columns = {'version': 'INTEGER', 'account_id': 'VARCHAR', "
      "'interface_id': 'VARCHAR', 'srcaddr': 'VARCHAR', 'dstaddr': 'VARCHAR', "
      "'srcport': 'INTEGER', 'dstport': 'INTEGER', 'protocol': 'INTEGER', 'packets': 'BIGINT', "
      "'bytes': 'BIGINT', 'start': 'BIGINT', 'end': 'BIGINT', 'action': 'VARCHAR', "
      "'log_status': 'VARCHAR'})";
  for (const std::string& sql :
       {std::string("SET threads = ") + argv[2],
        std::string("SET preserve_insertion_order = false"), view, std::string(argv[3])}) {
    duckdb_result result;
    if (duckdb_query(connection, sql.c_str(), &result) != DuckDBSuccess) {
      std::fprintf(stderr, "%s\n", duckdb_result_error(&result));
      return 1;
    }
    for (idx_t row = 0; row < duckdb_row_count(&result); ++row) {
      for (idx_t column = 0; column < duckdb_column_count(&result); ++column) {
        char* text = duckdb_value_varchar(&result, column, row);
        std::printf("%s%s", column == 0 ? "" : ",", text == nullptr ? "" : text);
        duckdb_free(text);
      }
      std::printf("\n");
    }
    duckdb_destroy_result(&result);
  }
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  return 0;
}
