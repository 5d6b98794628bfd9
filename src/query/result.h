// A query's result on its way out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "query/duck.h"

namespace weir::query {

struct ResultColumn {
  std::string name;
  bool is_number = false;  ///< booleans too
  bool is_json = false;    ///< lists, structs and the like, whose text is JSON
};

/// Takes a result as it comes. An empty cell is NULL.
class ResultSink {
 public:
  virtual ~ResultSink() = default;
  using Row = std::vector<std::optional<std::string>>;
  virtual void columns(const std::vector<ResultColumn>& columns) = 0;
  virtual void row(Row row) = 0;
};

/// `sql` as a table that a statement of ours reads from: one form or, where a comment or a
/// semicolon ends it, the other. REQUIRES: check_only_reads.
std::vector<std::string> as_table(const std::string& sql);

/// Runs the query and hands out its rows as they come. `has_rows` is set once one has been. The
/// error is DuckDB's. REQUIRES: check_only_reads.
base::Expected<void> stream_result(const Duck& duck, const std::string& sql, ResultSink& sink,
                                   bool& has_rows);

}  // namespace weir::query
