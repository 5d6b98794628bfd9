#include "query/parquet_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "query/time_function.h"

namespace weir::query {

base::Expected<std::vector<std::string>> ParquetTable::add(const Duck& duck,
                                                           const logs::Object& object) {
  if (object.path.find_first_of("*?[") != std::string::npos) {
    return base::fail("", "has *, ? or [ in its name, which DuckDB takes for a pattern");
  }
  auto described = duck.run("DESCRIBE SELECT * FROM read_parquet(" + sql_text(object.path) +
                            ", hive_partitioning = false)");
  if (!described) {
    return base::fail("", described.error().what);
  }
  std::vector<std::string> fields;
  for (idx_t i = 0; i < described->rows(); ++i) {
    const std::string name = described->text(0, i);
    if (name == "filename" || name == "file_row_number") {
      return base::fail("", "has a column called " + name + ", as DuckDB calls one of its own");
    }
    const bool is_text = described->text(1, i) == "VARCHAR";
    std::string field = name;
    std::replace(field.begin(), field.end(), '_', '-');
    for (Column& column : columns_of({field})) {
      if (column.source != ColumnSource::field) continue;
      const auto known =
          std::find_if(columns_.begin(), columns_.end(),
                       [&](const FileColumn& other) { return other.column.name == column.name; });
      if (known == columns_.end()) {
        columns_.push_back({std::move(column), name, is_text});
      } else {
        known->is_text |= is_text;
      }
    }
    fields.push_back(std::move(field));
  }
  objects_.push_back(object);
  return fields;
}

std::string ParquetTable::columns(const ColumnNames& wanted) const {
  std::string columns;
  for (const auto& [column, file_name, is_text] : columns_) {
    if (!has_field(wanted, column.field)) continue;
    const std::string name = "p." + sql_name(file_name);
    const std::string value =
        is_text || column.type == ColumnType::varchar ? "nullif(" + name + "::VARCHAR, '-')" : name;
    columns += fmt::format("{}::{} AS {}, ", value, column.sql_type(), sql_name(column.name));
    if (column.name == "start" || column.name == "end") {
      columns += fmt::format("{}({}::BIGINT, k.name, p.file_row_number) AS {}_time, ",
                             kTimeFunction, value, column.name);
    }
  }
  return columns;
}

/// What the objects' keys tell, as rows.
std::string ParquetTable::keys() const {
  std::string keys;
  const auto text = [](const std::string& value) {
    return value.empty() ? "NULL" : sql_text(value);
  };
  for (const logs::Object& object : objects_) {
    const logs::Key& key = object.key;
    keys += fmt::format(
        "{}({}, {}, {}, {}, {}, {})", keys.empty() ? "" : ", ", sql_text(object.path),
        sql_text(object.name), text(key.account_id), text(key.region),
        key.date ? fmt::format("DATE '1970-01-01' + {}", key.date->time_since_epoch().count())
                 : "NULL",
        key.hour ? std::to_string(*key.hour) : "NULL");
  }
  return keys;
}

std::string ParquetTable::select(const ColumnNames& wanted, bool counts) const {
  std::string paths;
  for (const logs::Object& object : objects_) {
    paths += (paths.empty() ? "" : ", ") + sql_text(object.path);
  }
  return "SELECT " + columns(wanted) +
         (counts ? fmt::format("1::BIGINT AS {}, ", kRowsColumn) : "") +
         "k.log_account::VARCHAR AS log_account, k.log_region::VARCHAR AS log_region, "
         "k.log_date::DATE AS log_date, k.log_hour::INTEGER AS log_hour FROM read_parquet([" +
         paths +
         "], union_by_name = true, filename = true, file_row_number = true, "
         "hive_partitioning = false) AS p JOIN "
         "(VALUES " +
         keys() +
         ") AS k(path, name, log_account, log_region, log_date, log_hour) ON p.filename = k.path";
}

}  // namespace weir::query
