// Rows that have been made one add up to the same as before.
#include "query/totals.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>

namespace weir::query {
namespace {

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

struct Sums {
  __extension__ __int128 sum = 0;
  std::optional<std::int64_t> least;
  std::optional<std::int64_t> greatest;
  bool operator==(const Sums&) const = default;
};
using SumsByTexts = std::map<std::string, Sums>;

void add(SumsByTexts& into, const Totals& totals) {
  for (auto row = totals.begin(); row != totals.end(); row = row.next()) {
    Sums& sums = into[std::string(row.texts())];
    if (row.has(0)) sums.sum += row.value(0);
    if (row.has(1)) sums.least = std::min(sums.least.value_or(kLargest), row.value(1));
    if (row.has(2)) sums.greatest = std::max(sums.greatest.value_or(-kLargest), row.value(2));
  }
}

class Given {
 public:
  explicit Given(unsigned seed) : random_(seed) {}
  /// A batch of rows into both.
  void add_batch(Totals& totals, SumsByTexts& naive, std::size_t rows) {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < rows; ++i) {
      keys.push_back(text() + " " + text() + " ");
      const std::string padded = keys.back() + std::string(Totals::kTextPadding, 'x');
      const std::string_view both(padded);
      const std::size_t space = both.find(' ');
      totals.add_text(both.substr(0, space));
      totals.add_text(both.substr(space + 1, keys.back().size() - space - 2));
      totals.end_row();
    }
    totals.find_rows();
    for (std::size_t i = 0; i < rows; ++i) {
      Sums& sums = naive[keys[i]];
      if (random_() % 9 != 0) {
        const std::int64_t value =
            random_() % 50 == 0 ? kLargest : static_cast<std::int64_t>(random_());
        totals.merge(i, 0, value);
        sums.sum += value;
      }
      const auto other = static_cast<std::int64_t>(random_()) - 2'000'000'000;
      totals.merge(i, 1, other);
      totals.merge(i, 2, other);
      sums.least = std::min(sums.least.value_or(kLargest), other);
      sums.greatest = std::max(sums.greatest.value_or(-kLargest), other);
    }
    totals.end_batch();
  }

 private:
  std::string text() {
    std::string text;
    text.assign(random_() % 100 == 0 ? 1000 : random_() % 40,
                static_cast<char>('a' + random_() % 3));
    return text;
  }
  std::mt19937 random_;
};

TEST(Totals, AddUpToWhatTheRowsDidThroughManyTables) {
  Totals totals({Merge::sum, Merge::least, Merge::greatest}, std::size_t{1} << 18U);
  Given given(3);
  SumsByTexts naive;
  SumsByTexts merged;
  int tables = 1;
  for (int i = 0; i < 2000; ++i) {
    if (totals.is_full()) {
      add(merged, totals);
      totals.clear();
      ++tables;
    }
    given.add_batch(totals, naive, 1 + static_cast<std::size_t>(i) % Totals::kBatch);
  }
  add(merged, totals);
  EXPECT_GT(tables, 3);
  EXPECT_TRUE(merged == naive);
}

TEST(Totals, OfRowsThatAreAllDifferentAreNotUseful) {
  Totals totals({Merge::sum}, std::size_t{1} << 16U);
  EXPECT_TRUE(totals.is_useful());
  for (int i = 0; i < 256; ++i) {
    const std::string padded = std::to_string(i) + std::string(Totals::kTextPadding, ' ');
    totals.add_text(std::string_view(padded).substr(0, padded.find(' ')));
    totals.end_row();
  }
  totals.find_rows();
  totals.end_batch();
  EXPECT_FALSE(totals.is_useful());
}

}  // namespace
}  // namespace weir::query
