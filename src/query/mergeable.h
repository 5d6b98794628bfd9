// Which of a query's columns are only added up, so that lines may be made one before DuckDB sees
// them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "query/duck.h"
#include "query/schema.h"
#include "query/totals.h"

namespace weir::query {

/// The columns of `flow_logs`, by name, that `sql` uses as sum(column), min(column) or max(column)
/// and in no other way, if it cannot tell how many rows there were: one SELECT from flow_logs
/// alone, of which every function is known. The answer comes from DuckDB's parse tree; what is not
/// understood gives nothing, and costs speed only. REQUIRES: DuckDB can bind `sql`.
std::map<std::string, Merge> mergeable_columns(const Duck& duck, const std::string& sql,
                                               const std::vector<Column>& columns);

}  // namespace weir::query
