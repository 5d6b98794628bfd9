// Functions of ours that DuckDB calls, a chunk of rows at a time.
#pragma once

#include <duckdb.h>

#include <initializer_list>

#include "base/error.h"
#include "query/duck.h"

namespace weir::query {

/// Makes `function` known to the connection. `extra` is what it gets by
/// duckdb_scalar_function_get_extra_info, and outlives the connection.
base::Expected<void> add_function(const Duck& duck, const char* name,
                                  std::initializer_list<duckdb_type> parameters, duckdb_type result,
                                  duckdb_scalar_function_t function, void* extra = nullptr);

/// Is the row not NULL?
bool is_valid(duckdb_vector vector, idx_t row);

}  // namespace weir::query
