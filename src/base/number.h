// Whole numbers in text that somebody else wrote.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace weir::base {

/// The number that all of the text is, in decimal and without a plus; nothing if it is none, or
/// too large for T.
template <typename T>
std::optional<T> whole_number(std::string_view text) {
  T value{};
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || end != last) return std::nullopt;
  return value;
}

}  // namespace weir::base
