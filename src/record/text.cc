#include "record/text.h"

#include <array>
#include <charconv>

namespace weir::record {

std::string header_line(const LogFormat& format) {
  std::string out;
  for (const Field* field : format.fields()) {
    if (!out.empty()) out += ' ';
    out += field->name;
  }
  return out;
}

Value value_of(const Field& field, const Record& record, const LogFormat& format) {
  if (field.id == FieldId::version) return static_cast<std::int64_t>(format.version());
  return field.value(record);
}

void append_value(std::string& out, const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    constexpr std::size_t kDigits = 20;
    std::array<char, kDigits> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *number).ptr;
    out.append(digits.data(), end);
  } else if (const auto* text = std::get_if<std::string_view>(&value)) {
    out += *text;
  } else if (const auto* address = std::get_if<base::Address>(&value)) {
    address->append_to(out);
  } else {
    out += '-';
  }
}

void append_line(std::string& out, const Record& record, const LogFormat& format) {
  bool is_first = true;
  for (const Field* field : format.fields()) {
    if (!is_first) out += ' ';
    is_first = false;
    append_value(out, value_of(*field, record, format));
  }
}

}  // namespace weir::record
