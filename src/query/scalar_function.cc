#include "query/scalar_function.h"

#include <string>

namespace weir::query {

base::Expected<void> add_function(const Duck& duck, const char* name,
                                  std::initializer_list<duckdb_type> parameters, duckdb_type result,
                                  duckdb_scalar_function_t function, void* extra) {
  duckdb_scalar_function scalar = duckdb_create_scalar_function();
  duckdb_scalar_function_set_name(scalar, name);
  for (const duckdb_type type : parameters) {
    duckdb_logical_type logical = duckdb_create_logical_type(type);
    duckdb_scalar_function_add_parameter(scalar, logical);
    duckdb_destroy_logical_type(&logical);
  }
  duckdb_logical_type logical = duckdb_create_logical_type(result);
  duckdb_scalar_function_set_return_type(scalar, logical);
  duckdb_destroy_logical_type(&logical);
  duckdb_scalar_function_set_extra_info(scalar, extra, nullptr);
  duckdb_scalar_function_set_function(scalar, function);
  const auto state = duckdb_register_scalar_function(duck.connection(), scalar);
  duckdb_destroy_scalar_function(&scalar);
  if (state != DuckDBSuccess) return base::fail("DuckDB", std::string("takes no ") + name);
  return {};
}

bool is_valid(duckdb_vector vector, idx_t row) {
  auto* validity = duckdb_vector_get_validity(vector);
  return validity == nullptr || duckdb_validity_row_is_valid(validity, row);
}

}  // namespace weir::query
