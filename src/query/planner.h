// What of the objects a query needs, before it is run.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "query/duck.h"
#include "query/formats.h"
#include "query/object_list.h"
#include "query/pushdown.h"
#include "query/scan.h"
#include "query/settings.h"

namespace weir::query {

/// What the last plan chose; another thread may look.
struct Selection {
  std::atomic<std::size_t> objects = 0;
  std::atomic<std::uint64_t> bytes = 0;
  std::atomic<std::size_t> parquet_objects = 0;  ///< of them
  std::atomic<std::uint64_t> parquet_bytes = 0;
};

class Planner {
 public:
  /// `tables`: names, in small letters, that SQL may read. All outlive it.
  Planner(const Duck& duck, const Settings& settings, const std::set<std::string>& tables,
          ObjectList& objects, Scan& scan, Formats& formats)
      : duck_(duck),
        settings_(settings),
        tables_(tables),
        objects_(objects),
        scan_(scan),
        formats_(formats) {}

  /// Finds out which objects the query needs, sets the scan and defines `flow_logs` over them.
  /// `found` are fields that only reading the objects told of. Returns what is to be run: the
  /// query, or one with the same answer. Error: DuckDB's, the gate's, or of the formats.
  base::Expected<std::string> plan(const std::string& sql, const Fields& found);

  /// The fields at the front of all objects; in S3, of those that --since and --until leave.
  base::Expected<Fields> at_front();

  [[nodiscard]] const Selection& selection() const { return selection_; }

 private:
  base::Expected<Pushdown> list_and_push_down(const std::string& sql);
  void select(const std::vector<std::size_t>& numbers);
  std::string merge_early(const std::string& sql, const Fields& fields);
  base::Expected<Fields> bind(const std::string& sql, Fields present, const Fields& others);
  base::Expected<void> bind(const std::string& sql, const Fields& fields);
  base::Expected<void> define_table(const Fields& fields, bool counts = false);
  [[nodiscard]] std::string time_condition() const;

  const Duck& duck_;
  const Settings& settings_;
  const std::set<std::string>& tables_;
  ObjectList& objects_;
  Scan& scan_;
  Formats& formats_;
  Selection selection_;
};

}  // namespace weir::query
