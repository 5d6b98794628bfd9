// A record as it stands in a log: text under the names of its format.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "logs/line_reader.h"
#include "record/catalogue.h"

namespace weir::cli {

/// Where each field that Weir knows stands among a format's columns.
class RecordFormat {
 public:
  explicit RecordFormat(logs::LineReader::Columns columns);
  [[nodiscard]] const logs::LineReader::Columns& columns() const { return columns_; }
  [[nodiscard]] std::optional<std::size_t> place(record::FieldId id) const;

 private:
  static constexpr std::size_t kFields =
      static_cast<std::size_t>(record::FieldId::weir_security_group_rule) + 1;
  logs::LineReader::Columns columns_;
  std::array<std::optional<std::size_t>, kFields> places_{};
};

/// Views of somebody else's text, which may hold anything.
class LoggedRecord {
 public:
  LoggedRecord(std::shared_ptr<const RecordFormat> format, std::vector<std::string_view> values)
      : format_(std::move(format)), values_(std::move(values)) {}
  /// A copy that owns its text.
  [[nodiscard]] LoggedRecord kept() const;

  [[nodiscard]] const RecordFormat& format() const { return *format_; }
  /// By column.
  [[nodiscard]] const std::vector<std::string_view>& values() const { return values_; }
  /// Empty where the format lacks the field, or it is `-`.
  [[nodiscard]] std::string_view text(record::FieldId id) const;
  [[nodiscard]] std::optional<std::int64_t> number(record::FieldId id) const;

 private:
  std::shared_ptr<const RecordFormat> format_;
  std::vector<std::string_view> values_;
  std::shared_ptr<const std::string> owned_;
};

}  // namespace weir::cli
