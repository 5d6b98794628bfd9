#include "cli/logged_record.h"

#include "base/number.h"

namespace weir::cli {

RecordFormat::RecordFormat(logs::LineReader::Columns columns) : columns_(std::move(columns)) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const record::Field* field = record::find_field(columns_[i]);
    if (field == nullptr) continue;
    auto& place = places_[static_cast<std::size_t>(field->id)];
    if (!place) place = i;
  }
}

std::optional<std::size_t> RecordFormat::place(record::FieldId id) const {
  return places_[static_cast<std::size_t>(id)];
}

LoggedRecord LoggedRecord::kept() const {
  auto all = std::make_shared<std::string>();
  for (const std::string_view value : values_) *all += value;
  LoggedRecord copy(format_, {});
  std::size_t at = 0;
  for (const std::string_view value : values_) {
    copy.values_.push_back(std::string_view(*all).substr(at, value.size()));
    at += value.size();
  }
  copy.owned_ = std::move(all);
  return copy;
}

std::string_view LoggedRecord::text(record::FieldId id) const {
  const auto place = format_->place(id);
  if (!place || values_[*place] == "-") return {};
  return values_[*place];
}

std::optional<std::int64_t> LoggedRecord::number(record::FieldId id) const {
  return base::whole_number<std::int64_t>(text(id));
}

}  // namespace weir::cli
