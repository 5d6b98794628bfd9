// What SQL of the user's may do: read tables, and nothing else.
#pragma once

#include <string>

#include "base/error.h"
#include "query/duck.h"

namespace weir::query {

/// Is `sql` one SELECT (or VALUES, DESCRIBE, SUMMARIZE, SHOW) that calls only table functions which
/// make rows from their arguments or tell about the database's own tables? DuckDB's parser decides,
/// not its text. Other table functions are refused although DuckDB locks files away, since some
/// change settings or run SQL that nobody has looked at. Error: DuckDB's, or what is not allowed.
base::Expected<void> check_only_reads(const Duck& duck, const std::string& sql);

}  // namespace weir::query
