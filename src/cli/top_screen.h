// The picture that `weir top` shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/record_words.h"
#include "cli/top_table.h"

namespace weir::cli {

struct TopSize {
  std::size_t columns = 80;
  std::size_t lines = 24;
};

/// What the user has chosen with keys.
struct TopView {
  TopOrder order = TopOrder::bytes;
  bool is_at_refused = false;  ///< which half the arrows move
  std::size_t first_accepted = 0;
  std::size_t first_refused = 0;

  /// False: it is to end. Keys are what a terminal sends: "q", "\x1b[A".
  bool press(std::string_view key);
};

/// What is said above and below the rows.
struct TopNews {
  std::string title;
  bool has_keys = false;  ///< somebody can press some
};

/// Lines for a terminal of that size, no longer and no wider than it. The view is put right where
/// it is past the last row.
std::vector<std::string> top_lines(const TopTable& table, TopView& view, const TopNews& news,
                                   TopSize size, const Palette& palette);

}  // namespace weir::cli
