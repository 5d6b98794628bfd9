// The fields that the objects of a query have, and the objects that turn out to be damaged.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "logs/objects.h"
#include "query/duck.h"
#include "query/fronts.h"
#include "query/object_list.h"
#include "query/parquet_files.h"
#include "query/parquet_table.h"
#include "query/scan.h"
#include "query/settings.h"

namespace weir::query {

/// Names as in a log format: "log-status".
using Fields = std::vector<std::string>;

/// Of AWS's default format.
Fields default_fields();
/// Adds what `to` lacks; true if that is something.
bool add_fields(const Fields& fields, Fields& to);

/// What is damaged is told to the scan's problems once, and left out from then on.
class Formats {
 public:
  /// All outlive it.
  Formats(const Duck& duck, const Settings& settings, const ObjectList& objects, Scan& scan,
          ParquetFiles& files)
      : duck_(duck),
        settings_(settings),
        objects_(objects),
        scan_(scan),
        files_(files),
        fronts_(settings.s3.get(), scan.without_header) {}

  /// The fields at the front of the objects of these numbers (places in the list), in the order
  /// in which they are met. `parquet` is of these objects from now on, and of those that are in S3
  /// the columns that are `wanted` are here. Error: one lacks the time by which the settings
  /// choose; S3 cannot be read.
  base::Expected<Fields> at_front(const std::vector<std::size_t>& numbers,
                                  const ColumnNames& wanted);
  /// Of all objects that are known; no column is wanted.
  base::Expected<Fields> at_front();
  /// Calls `use` with the fields of headers that stand behind an object's front, until it returns
  /// false. AWS's objects have none: a flow log's format never changes (facts/flow-logs.md §6.4).
  void for_each_behind_the_front(const std::function<bool(const Fields&)>& use) const;
  void add_behind_the_front(Fields& fields) const;
  /// Whether there is an object that may have such headers.
  [[nodiscard]] bool may_go_on_behind_the_front() const;

  [[nodiscard]] bool is_readable(const logs::Object& object) const {
    return !unreadable_.contains(object.name);
  }
  [[nodiscard]] const ParquetTable& parquet() const { return parquet_; }
  void forget_parquet() { parquet_ = {}; }
  /// After a query has failed: reads the columns that were wanted of each Parquet object, and
  /// leaves out objects that cannot be read. True: there was one.
  bool drop_damaged_parquet(const base::Error& failure);

 private:
  /// Has what is at objects' fronts come from S3. Error: nothing does, or the caller may not.
  base::Expected<void> fetch(const std::vector<std::size_t>& numbers, const ColumnNames& wanted);
  base::Expected<void> check_s3() const;
  base::Expected<Fields> at_front(const logs::Object& object);
  [[nodiscard]] bool may_go_on(const logs::Object& object) const;
  void tell_without_column(const logs::Object& object, const Fields& fields);
  void damaged(const logs::Object& object, const base::Error& error);

  const Duck& duck_;
  const Settings& settings_;
  const ObjectList& objects_;
  Scan& scan_;
  ParquetFiles& files_;
  Fronts fronts_;
  ParquetTable parquet_;
  ColumnNames wanted_;                ///< of it
  std::set<std::string> unreadable_;  ///< names
};

}  // namespace weir::query
