// Flow-log objects as a table function of DuckDB: only the columns that a query names are parsed,
// only the objects that it can need are opened, by as many threads as DuckDB has.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "logs/objects.h"
#include "logs/problems.h"
#include "logs/s3_reader.h"
#include "query/duck.h"
#include "query/schema.h"
#include "query/totals.h"

namespace weir::query {

inline constexpr const char* kScanFunction = "weir_flow_logs";

/// A row is wanted only if this field has this text; DuckDB asks again, so the scan may leave rows
/// out but need not.
struct Equality {
  std::string field;
  std::string text;
  std::optional<std::int64_t> number = std::nullopt;  ///< of fields that are numbers
};

/// What the lines of an object turned out to have while they were read.
struct NewFields {
  std::string where;  ///< "object:line"
  std::vector<std::string> names;
};

/// How much was read; for several threads.
struct ScanCounters {
  std::atomic<std::uint64_t> objects_opened = 0;
  std::atomic<std::uint64_t> packed_bytes = 0;
  std::atomic<std::uint64_t> lines = 0;
};

/// What `weir_flow_logs()` scans. Set between queries, never while one runs.
struct Scan {
  std::vector<Column> columns;
  std::vector<logs::Object> objects;        ///< text only
  logs::S3Reader* s3 = nullptr;             ///< where objects are in S3
  std::vector<std::string> without_header;  ///< the columns of objects that have no header
  std::vector<Equality> equalities;
  /// A field that is none of `columns` ends the query with an error, and is put into `new_fields`.
  bool wants_every_column = false;
  std::mutex new_fields_mutex;
  std::optional<NewFields> new_fields;
  /// After so many rows it hands out no more, and waits for none; nothing: all are wanted.
  std::optional<std::uint64_t> most_rows;
  bool is_strict = false;  ///< a line that does not fit, be it read or not, is an error at the end
  /// Columns that the query only adds up, by name: lines that are alike in all others may be one.
  std::map<std::string, Merge> merges;
  std::size_t totals_bytes = std::size_t{1} << 20U;  ///< that a thread may take for that
  std::atomic<bool> is_cancelled = false;  ///< by any thread: ends the query with an error
  logs::Problems problems;
  ScanCounters counters;
};

/// Makes the function known to the connection. `scan` outlives it.
base::Expected<void> register_scan(const Duck& duck, Scan& scan);

}  // namespace weir::query
