// The columns of `flow_logs`.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace weir::query {

/// Where a column's values come from.
enum class ColumnSource : std::uint8_t {
  field,
  log_account,
  log_region,
  log_date,
  log_hour,
  start_time,  ///< the fields start and end as times
  end_time,
  rows,  ///< how many lines the row stands for
};

/// Is it told by each line, not by the object?
constexpr bool is_of_line(ColumnSource source) {
  return source == ColumnSource::field || source == ColumnSource::start_time ||
         source == ColumnSource::end_time || source == ColumnSource::rows;
}

enum class ColumnType : std::uint8_t { integer, bigint, varchar, date, timestamp };

struct Column {
  std::string name;  ///< "log_status"
  ColumnType type = ColumnType::varchar;
  ColumnSource source = ColumnSource::field;
  std::string field;  ///< in the objects: "log-status"

  [[nodiscard]] const char* sql_type() const;
};

/// The fields named, in their order, each once and typed as AWS's Parquet types them (unknown ones
/// as text), without those that are called like ours; then start_time and end_time, and the four
/// columns of an object's key.
std::vector<Column> columns_of(const std::vector<std::string>& fields);

/// Columns of fields in small letters, as SQL compares names; nothing: every one.
using ColumnNames = std::optional<std::set<std::string>>;

/// "log-status" as it is among them: "log_status".
std::string column_name_of(std::string field);
bool has_field(const ColumnNames& names, const std::string& field);

/// For queries whose counts have become sums of it (mergeable.h); no user sees it.
inline constexpr const char* kRowsColumn = "weir_rows";
Column rows_column();

/// The fields that give no column: named twice, or called like one of ours.
std::vector<std::string> without_column(const std::vector<std::string>& fields);

/// The fields that `fields` lacks of those that Weir knows.
std::vector<std::string> with_all_known(std::vector<std::string> fields);

}  // namespace weir::query
