// Decimal numbers of a log, eight digits at a time.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

#include "base/number.h"

namespace weir::query {

/// How many bytes from a number's first are read, whatever its length.
inline constexpr std::size_t kNumberPadding = 8;

/// The number that up to eight digits are; nothing if one of them is none. REQUIRES: 1 <= size <= 8
/// and kNumberPadding bytes may be read.
inline std::optional<std::uint32_t> up_to_eight_digits(const char* text, std::size_t size) {
  std::uint64_t digits = 0;
  std::memcpy(&digits, text, sizeof digits);
  // The first digit is the lowest byte. What lies behind the number is shifted out above, and zeros
  // come in below.
  digits = (digits ^ 0x3030'3030'3030'3030U) << (64 - 8 * size);
  // A byte above 9 is above 127 with 118 more.
  if (((digits | (digits + 0x7676'7676'7676'7676U)) & 0x8080'8080'8080'8080U) != 0) {
    return std::nullopt;
  }
  digits = digits * 10 + (digits >> 8U);  // two digits in every other byte
  constexpr std::uint64_t kPairs = 0x0000'00ff'0000'00ff;
  return static_cast<std::uint32_t>(((digits & kPairs) * 0x000f'4240'0000'0064U +
                                     (digits >> 16U & kPairs) * 0x0000'2710'0000'0001U) >>
                                    32U);
}

/// The same as base::whole_number. REQUIRES: kNumberPadding bytes from the first may be read.
template <typename T>
std::optional<T> number(std::string_view text) {
  constexpr std::size_t kAtOnce = 8;
  if (std::endian::native == std::endian::little && text.size() - 1 < 2 * kAtOnce) {
    const std::size_t first = text.size() <= kAtOnce ? 0 : text.size() - kAtOnce;
    const auto last = up_to_eight_digits(text.data() + first, text.size() - first);
    const auto high = first == 0 ? 0 : up_to_eight_digits(text.data(), first);
    if (last && high) {
      const std::int64_t value = std::int64_t{*high} * 100'000'000 + *last;
      if (value <= std::numeric_limits<T>::max()) return static_cast<T>(value);
    }
  }
  return base::whole_number<T>(text);
}

/// Seconds since 1970 as DuckDB's TIMESTAMP has them, in microseconds; nothing for what it cannot
/// hold.
inline std::optional<std::int64_t> timestamp_of(std::int64_t seconds) {
  constexpr std::int64_t kFirst = -9'223'372'022'400;
  constexpr std::int64_t kLast = 9'223'372'036'854;
  constexpr std::int64_t kMicros = 1'000'000;
  if (seconds < kFirst || seconds > kLast) return std::nullopt;
  return seconds * kMicros;
}

}  // namespace weir::query
