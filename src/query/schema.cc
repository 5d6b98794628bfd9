#include "query/schema.h"

#include <algorithm>
#include <set>

#include "query/duck.h"
#include "record/catalogue.h"

namespace weir::query {
namespace {

ColumnType type_of(const std::string& field) {
  const record::Field* known = record::find_field(field);
  if (known == nullptr) return ColumnType::varchar;
  switch (known->type) {
    case record::ParquetType::int32:
      return ColumnType::integer;
    case record::ParquetType::int64:
      return ColumnType::bigint;
    default:
      return ColumnType::varchar;
  }
}

/// Ours, which a header or a Parquet file that Weir wrote may name too.
bool is_derived(const std::string& name) {
  return name == "start_time" || name == "end_time" || name == "log_account" ||
         name == "log_region" || name == "log_date" || name == "log_hour";
}

}  // namespace

const char* Column::sql_type() const {
  switch (type) {
    case ColumnType::integer:
      return "INTEGER";
    case ColumnType::bigint:
      return "BIGINT";
    case ColumnType::date:
      return "DATE";
    case ColumnType::timestamp:
      return "TIMESTAMP";
    default:
      return "VARCHAR";
  }
}

std::vector<Column> columns_of(const std::vector<std::string>& fields) {
  std::vector<Column> columns;
  for (const std::string& field : fields) {
    std::string name = field;
    std::replace(name.begin(), name.end(), '-', '_');
    const bool is_there = std::any_of(columns.begin(), columns.end(),
                                      [&](const Column& other) { return other.name == name; });
    if (field.empty() || is_there || is_derived(name)) continue;
    columns.push_back({std::move(name), type_of(field), ColumnSource::field, field});
  }
  columns.push_back({"start_time", ColumnType::timestamp, ColumnSource::start_time, "start"});
  columns.push_back({"end_time", ColumnType::timestamp, ColumnSource::end_time, "end"});
  columns.push_back({"log_account", ColumnType::varchar, ColumnSource::log_account, ""});
  columns.push_back({"log_region", ColumnType::varchar, ColumnSource::log_region, ""});
  columns.push_back({"log_date", ColumnType::date, ColumnSource::log_date, ""});
  columns.push_back({"log_hour", ColumnType::integer, ColumnSource::log_hour, ""});
  return columns;
}

Column rows_column() {
  return {kRowsColumn, ColumnType::bigint, ColumnSource::rows, ""};
}

std::string column_name_of(std::string field) {
  std::replace(field.begin(), field.end(), '-', '_');
  return small_letters(std::move(field));
}

bool has_field(const ColumnNames& names, const std::string& field) {
  return !names || names->contains(column_name_of(field));
}

std::vector<std::string> without_column(const std::vector<std::string>& fields) {
  std::set<std::string> names;
  std::vector<std::string> without;
  for (const std::string& field : fields) {
    std::string name = field;
    std::replace(name.begin(), name.end(), '-', '_');
    if (!field.empty() && (is_derived(name) || !names.insert(name).second)) {
      without.push_back(field);
    }
  }
  return without;
}

std::vector<std::string> with_all_known(std::vector<std::string> fields) {
  for (const record::Field& known : record::catalogue()) {
    if (std::find(fields.begin(), fields.end(), known.name) == fields.end()) {
      fields.emplace_back(known.name);
    }
  }
  return fields;
}

}  // namespace weir::query
