// What a query asks of flow_logs that need not be read at all: from DuckDB's own plan.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "query/duck.h"
#include "query/scan.h"

namespace weir::query {

struct Pushdown {
  /// Numbers (places in `objects`) of those that some scan of the query may need.
  std::vector<std::size_t> objects;
  /// Of the query's only scan; none if it has several.
  std::vector<Equality> equalities;
};

/// Plans `sql` (one SELECT that DuckDB can bind) and finds what it leaves out. Conditions on
/// log_account, log_region, log_date and log_hour are decided by DuckDB itself, object by object;
/// comparisons of `end` and end_time by the five minutes that an object's name tells. What is not
/// understood leaves nothing out. Error: DuckDB's, when it cannot plan the query.
base::Expected<Pushdown> push_down(const Duck& duck, const std::string& sql,
                                   const std::vector<logs::Object>& objects);

}  // namespace weir::query
