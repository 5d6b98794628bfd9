// Where the fields of a block of text end: the fast part of reading logs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::logs {

/// How many places beyond the last are written.
inline constexpr std::size_t kSeparatorPadding = 64;

struct SeparatorCount {
  std::size_t all = 0;
  std::size_t newlines = 0;
  bool has_carriage_return = false;
  bool has_non_ascii = false;
};

/// Writes the place of each space and newline of `text` to `places`, in order. REQUIRES: `places`
/// has room for text.size() + kSeparatorPadding entries, and the text is shorter than 4 GB.
SeparatorCount find_separators(std::string_view text, std::uint32_t* places);

using SeparatorFinder = SeparatorCount (*)(std::string_view text, std::uint32_t* places);
/// The ways of finding them that this processor has, all alike but for speed: first the one byte by
/// byte, last the fastest, which is find_separators.
std::vector<SeparatorFinder> separator_finders();

bool is_utf8(std::string_view text);

}  // namespace weir::logs
