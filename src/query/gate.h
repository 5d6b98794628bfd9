// What SQL of the user's may do: read tables, and nothing else.
#pragma once

#include <set>
#include <string>

#include "base/error.h"
#include "query/duck.h"

namespace weir::query {

/// Is `sql` one SELECT (or VALUES, DESCRIBE, SUMMARIZE, SHOW TABLES) that reads only `tables` (in
/// small letters) and tables of its own, and calls only table functions which make rows from their
/// arguments? DuckDB's parser decides, not its text. The rest is refused although DuckDB locks
/// files away, since some functions change settings or run SQL that nobody has looked at, and
/// DuckDB's own tables tell of the machine. Error: DuckDB's, or what is not allowed.
base::Expected<void> check_only_reads(const Duck& duck, const std::string& sql,
                                      const std::set<std::string>& tables);

}  // namespace weir::query
