#include "query/time_function.h"

#include <array>
#include <string>

#include "query/number.h"
#include "query/scalar_function.h"
#include "query/vector.h"

namespace weir::query {
namespace {

void time_chunk(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  auto& problems = *static_cast<logs::Problems*>(duckdb_scalar_function_get_extra_info(info));
  std::array<duckdb_vector, 3> given{};
  for (std::size_t i = 0; i < given.size(); ++i) given[i] = duckdb_data_chunk_get_vector(input, i);
  const auto* seconds = static_cast<std::int64_t*>(duckdb_vector_get_data(given[0]));
  auto* objects = static_cast<duckdb_string_t*>(duckdb_vector_get_data(given[1]));
  const auto* numbers = static_cast<std::int64_t*>(duckdb_vector_get_data(given[2]));
  auto* times = static_cast<std::int64_t*>(duckdb_vector_get_data(output));
  const idx_t rows = duckdb_data_chunk_get_size(input);
  for (idx_t row = 0; row < rows; ++row) {
    const bool is_there = is_valid(given[0], row);
    const auto time = is_there ? timestamp_of(seconds[row]) : std::nullopt;
    if (time) {
      times[row] = *time;
      continue;
    }
    Vector(output).set_null(row);
    if (!is_there) continue;
    const std::string object(duckdb_string_t_data(objects + row),
                             duckdb_string_t_length(objects[row]));
    problems.bad_line(object, static_cast<std::uint64_t>(numbers[row]) + 1,
                      std::to_string(seconds[row]) + " is no time, and is read as NULL");
  }
}

}  // namespace

base::Expected<void> register_time_function(const Duck& duck, logs::Problems& problems) {
  return add_function(duck, kTimeFunction,
                      {DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BIGINT},
                      DUCKDB_TYPE_TIMESTAMP, time_chunk, &problems);
}

}  // namespace weir::query
