#include "base/nearest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace weir::base {
namespace {

/// How many letters have to be changed, added or left out.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> known) {
  constexpr std::size_t kLongestWord = 64;
  if (word.size() > kLongestWord) return std::nullopt;
  std::optional<std::string_view> found;
  std::size_t found_distance = word.size() / 2 + 1;
  for (const std::string_view candidate : known) {
    const std::size_t to_candidate = distance(word, candidate);
    if (to_candidate >= found_distance) continue;
    found = candidate;
    found_distance = to_candidate;
  }
  return found;
}

}  // namespace weir::base
