// What a query asks of flow_logs that need not be read at all: from DuckDB's own plan.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "query/duck.h"
#include "query/scan.h"
#include "query/schema.h"

namespace weir::query {

/// What is known of an object's records, or of those of all objects of a folder.
struct Candidate {
  logs::Key key;  ///< slot and flow log apart
  /// First and last second in which its records end.
  std::optional<std::pair<base::UnixSeconds, base::UnixSeconds>> ends;
  /// What the key of a folder does not tell may be anything; an object has nothing there.
  bool is_folder = false;
};

std::vector<Candidate> candidates_of(const std::vector<logs::Object>& objects);

struct Pushdown {
  /// Numbers (places among the candidates) of those that some scan of the query may need.
  std::vector<std::size_t> objects;
  /// Nothing that is known of a candidate could make it one that is not needed.
  bool needs_all = true;
  /// Of the query's only scan; none if it has several.
  std::vector<Equality> equalities;
  /// So many rows of the query's only scan are enough, whichever: LIMIT over columns alone.
  std::optional<std::uint64_t> most_rows;
  /// The fields' columns that it reads; kAnyColumn among them where it counts rows, for which
  /// DuckDB reads the first column that there is; every one if that is not known.
  ColumnNames columns;
  /// The query shows or counts the columns themselves, as SELECT * does.
  bool wants_every_column = false;
  /// There is no scan of flow_logs in the plan: DESCRIBE, or a query of other tables.
  bool scans_nothing = false;
};

/// A field that a table is given, as its first, for push_down to see whether a query wants every
/// column.
inline constexpr const char* kAnyField = "weir-any";
inline constexpr const char* kAnyColumn = "weir_any";

/// How long before its `end` a record may begin: AWS's longest window is 600 s, and its `start` and
/// `end` may be off by a minute each (facts/flow-logs.md §1.2); the rest is for other writers.
inline constexpr std::chrono::seconds kLongestWindow{3600};

/// Plans `sql` over a `flow_logs` with kAnyField (one SELECT that DuckDB can bind) and finds what
/// it leaves out. Conditions on log_account, log_region, log_date and log_hour are decided by
/// DuckDB itself, candidate by candidate; comparisons of `end`, `start`, end_time and start_time
/// with what has no column by what is known of `end` (five minutes by an object's name), and
/// kLongestWindow. What is not understood leaves nothing out. Error: DuckDB's, when it cannot plan
/// the query.
base::Expected<Pushdown> push_down(const Duck& duck, const std::string& sql,
                                   const std::vector<Candidate>& candidates);

}  // namespace weir::query
