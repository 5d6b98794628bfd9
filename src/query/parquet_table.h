// The Parquet objects of a query as one table with the columns of `flow_logs`, read by DuckDB.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "logs/objects.h"
#include "query/duck.h"
#include "query/schema.h"

namespace weir::query {

class ParquetTable {
 public:
  /// Adds an object and returns its fields, as a log format names them. Error: it is damaged, and
  /// not added.
  base::Expected<std::vector<std::string>> add(const Duck& duck, const logs::Object& object);
  [[nodiscard]] const std::vector<logs::Object>& objects() const { return objects_; }

  /// A SELECT of the columns that the objects have and that are `wanted`, typed as ours; `-` in
  /// text is NULL there too (facts/flow-logs.md §3.2). `counts`: kRowsColumn too. REQUIRES: an
  /// object.
  [[nodiscard]] std::string select(const ColumnNames& wanted = {}, bool counts = false) const;

 private:
  struct FileColumn {
    Column column;
    std::string name;      ///< in the file: "log_status", or "log-status"
    bool is_text = false;  ///< in some of the files
  };
  [[nodiscard]] std::string columns(const ColumnNames& wanted) const;
  [[nodiscard]] std::string keys() const;

  std::vector<FileColumn> columns_;
  std::vector<logs::Object> objects_;
};

}  // namespace weir::query
