#include "base/printable.h"

#include <algorithm>
#include <cstdint>

namespace weir::base {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t bytes = 0;  ///< 0: the text does not begin with one
};

CodePoint first_of(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  std::uint32_t value = lead & (0xffU >> (bytes + 1));
  for (const char c : text.substr(1, bytes - 1)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0U) != 0x80) return {};
    value = value << 6U | (byte & 0x3fU);
  }
  const bool is_overlong = value < (bytes == 3 ? 0x800U : bytes == 4 ? 0x10000U : 0x80U);
  const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
  if (is_overlong || is_surrogate || value > 0x10ffff) return {};
  return {value, bytes};
}

bool is_harmless(std::uint32_t value) {
  const bool is_control = value < 0x20 || (value >= 0x7f && value < 0xa0);
  // Line and paragraph separators, the marks and overrides of bidirectional text.
  const bool reorders = (value >= 0x200e && value <= 0x200f) ||
                        (value >= 0x2028 && value <= 0x202e) ||
                        (value >= 0x2066 && value <= 0x2069);
  return !is_control && !reorders;
}

}  // namespace

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string printable(std::string_view text) {
  const bool is_plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
  if (is_plain) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const CodePoint point = first_of(text);
    if (point.bytes == 0 || !is_harmless(point.value)) {
      out += '.';
    } else {
      out += text.substr(0, point.bytes);
    }
    text.remove_prefix(std::max<std::size_t>(point.bytes, 1));
  }
  return out;
}

}  // namespace weir::base
