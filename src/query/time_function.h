// Times of Parquet objects, which DuckDB reads without us.
#pragma once

#include "base/error.h"
#include "logs/problems.h"
#include "query/duck.h"

namespace weir::query {

/// weir_time(seconds BIGINT, object VARCHAR, row BIGINT): the time so many seconds after 1970. For
/// what no TIMESTAMP can hold it is NULL, and that is told of the object's row (from 0).
inline constexpr const char* kTimeFunction = "weir_time";

/// `problems` outlives the connection's queries.
base::Expected<void> register_time_function(const Duck& duck, logs::Problems& problems);

}  // namespace weir::query
