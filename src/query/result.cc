#include "query/result.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace weir::query {
namespace {

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

bool is_nested(duckdb_type type) {
  return type == DUCKDB_TYPE_LIST || type == DUCKDB_TYPE_ARRAY || type == DUCKDB_TYPE_STRUCT ||
         type == DUCKDB_TYPE_MAP || type == DUCKDB_TYPE_UNION;
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

/// DuckDB itself turns whatever type into text.
base::Expected<std::vector<ResultColumn>> prepare_as_text(const Duck& duck, const std::string& sql,
                                                          Prepared& as_text) {
  Prepared original;
  if (auto done = original.prepare(duck, sql); !done) return tl::unexpected(done.error());
  std::vector<ResultColumn> columns;
  std::string list;
  for (idx_t i = 0; i < original.columns(); ++i) {
    const duckdb_type type = duckdb_prepared_statement_column_type(original.get(), i);
    duckdb_logical_type logical = duckdb_prepared_statement_column_logical_type(original.get(), i);
    char* alias = duckdb_logical_type_get_alias(logical);
    const bool is_json = alias != nullptr && std::string_view(alias) == "JSON";
    columns.push_back({original.column_name(i), is_number(type), is_json || is_nested(type)});
    list += fmt::format("{}{}(#{})::VARCHAR", i == 0 ? "" : ", ", is_nested(type) ? "to_json" : "",
                        i + 1);
    duckdb_free(alias);
    duckdb_destroy_logical_type(&logical);
  }
  base::Expected<void> done;
  for (const std::string& table : as_table(sql)) {
    done = as_text.prepare(duck, fmt::format("SELECT {} FROM {}", list, table));
    if (done) return columns;
  }
  return tl::unexpected(done.error());
}

}  // namespace

std::vector<std::string> as_table(const std::string& sql) {
  return {"(" + sql + "\n)", "query(" + sql_text(sql) + ")"};
}

base::Expected<void> stream_result(const Duck& duck, const std::string& sql, ResultSink& sink,
                                   bool& has_rows) {
  Prepared as_text;
  auto columns = prepare_as_text(duck, sql, as_text);
  if (!columns) return tl::unexpected(columns.error());
  DuckResult result;
  if (duckdb_execute_prepared_streaming(as_text.get(), &result.get()) != DuckDBSuccess) {
    return tl::unexpected(told_by_duck(duckdb_result_error(&result.get())));
  }
  for (;;) {
    duckdb_data_chunk chunk = duckdb_fetch_chunk(result.get());
    if (chunk == nullptr) break;
    if (!std::exchange(has_rows, true)) sink.columns(*columns);
    hand_out(chunk, columns->size(), sink);
    duckdb_destroy_data_chunk(&chunk);
  }
  const char* reason = duckdb_result_error(&result.get());
  if (reason != nullptr && *reason != '\0') return tl::unexpected(told_by_duck(reason));
  if (!has_rows) sink.columns(*columns);
  return {};
}

}  // namespace weir::query
