// Which of a query's columns are only added up, so that lines may be made one before DuckDB sees
// them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "query/duck.h"
#include "query/schema.h"
#include "query/totals.h"

namespace weir::query {

struct Mergeable {
  /// The columns of `flow_logs`, by name, that the query uses as sum(column), min(column) or
  /// max(column) and in no other way; kRowsColumn too, if it counts.
  std::map<std::string, Merge> columns;
  /// The same query with every count as a sum of kRowsColumn, which `flow_logs` has to have for it;
  /// nothing if it does not count.
  std::optional<std::string> counting;
};

/// What of `sql` may be merged, if it cannot tell how many rows there were but by counting: one
/// SELECT from flow_logs alone, of which every function is known. The answer comes from DuckDB's
/// parse tree; what is not understood gives nothing, and costs speed only. REQUIRES: DuckDB can
/// bind `sql`.
Mergeable mergeable(const Duck& duck, const std::string& sql, const std::vector<Column>& columns);

}  // namespace weir::query
