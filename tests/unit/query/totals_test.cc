// Rows that have been made one add up to the same as before.
#include "query/totals.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace weir::query {
namespace {

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

struct Sums {
  __extension__ __int128 sum = 0;
  std::optional<std::int64_t> least;
  std::optional<std::int64_t> greatest;
  std::int64_t rows = 0;
  bool operator==(const Sums&) const = default;
};
using SumsByTexts = std::map<std::string, Sums>;

void add(SumsByTexts& into, const Totals& totals) {
  for (auto row = totals.begin(); row != totals.end(); row = row.next()) {
    Sums& sums = into[std::string(row.text(0)) + " " + std::string(row.text(1))];
    if (row.has(0)) sums.sum += row.value(0);
    if (row.has(1)) sums.least = std::min(sums.least.value_or(kLargest), row.value(1));
    if (row.has(2)) sums.greatest = std::max(sums.greatest.value_or(-kLargest), row.value(2));
    if (row.has(3)) sums.rows += row.value(3);
  }
}

class Given {
 public:
  explicit Given(unsigned seed) : random_(seed) {}
  /// A batch of rows into both; false: there is no place for it.
  bool add_batch(Totals& totals, SumsByTexts& naive, std::size_t rows) {
    std::array<std::vector<std::string>, 2> padded;
    std::array<std::vector<std::string_view>, 2> texts;
    for (std::size_t column = 0; column < 2; ++column) {
      std::size_t longest = 0;
      for (std::size_t i = 0; i < rows; ++i) {
        const std::string one = text();
        longest = std::max(longest, one.size());
        padded[column].push_back(one + " " + std::string(Totals::kTextPadding, 'x'));
      }
      for (const std::string& one : padded[column]) {
        texts[column].push_back(std::string_view(one).substr(0, one.find(' ')));
      }
      if (!totals.widen(column, longest)) return false;
    }
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < rows; ++i) {
      keys.push_back(std::string(texts[0][i]) + " " + std::string(texts[1][i]));
    }
    for (std::size_t column = 0; column < 2; ++column) totals.add_texts(column, texts[column]);
    totals.find_rows(rows);
    totals.count(3);
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
      ++sums.rows;
    }
    return true;
  }

 private:
  std::string text() {
    std::string text;
    text.assign(random_() % 1000 == 0 ? random_() % (Totals::kLongestText + 1) : random_() % 20,
                static_cast<char>('a' + random_() % 3));
    return text;
  }
  std::mt19937 random_;
};

TEST(Totals, AddUpToWhatTheRowsDidThroughManyTablesAndWidths) {
  Totals totals(2, {Merge::sum, Merge::least, Merge::greatest, Merge::sum}, std::size_t{1} << 18U);
  Given given(3);
  SumsByTexts naive;
  SumsByTexts merged;
  int full = 0;
  int narrow = 0;
  const auto empty = [&](int& reason) {
    add(merged, totals);
    totals.clear();
    ++reason;
  };
  for (int i = 0; i < 2000; ++i) {
    if (totals.is_full()) empty(full);
    if (!given.add_batch(totals, naive, 1 + static_cast<std::size_t>(i) % Totals::kBatch)) {
      empty(narrow);
    }
  }
  add(merged, totals);
  EXPECT_GT(full, 1);
  EXPECT_GT(narrow, 1);
  EXPECT_TRUE(merged == naive);
}

TEST(Totals, OfNoTextsAreOneRow) {
  Totals totals(0, {Merge::sum}, std::size_t{1} << 16U);
  for (int i = 0; i < 3; ++i) {
    totals.find_rows(100);
    totals.count(0);
  }
  EXPECT_EQ(totals.begin().value(0), 300);
  EXPECT_EQ(totals.begin().next(), totals.end());
}

TEST(Totals, OfRowsThatAreAllDifferentAreNotUseful) {
  Totals totals(1, {Merge::sum}, std::size_t{1} << 20U);
  ASSERT_TRUE(totals.widen(0, 8));
  for (std::size_t batch = 0; batch < 100; ++batch) {
    EXPECT_TRUE(totals.is_useful() || batch > 8);  // not before it is known
    std::vector<std::string> padded;
    std::vector<std::string_view> texts;
    for (std::size_t i = 0; i < Totals::kBatch; ++i) {
      padded.push_back(std::to_string(batch * Totals::kBatch + i) +
                       std::string(Totals::kTextPadding, ' '));
    }
    for (const std::string& one : padded) {
      texts.push_back(std::string_view(one).substr(0, one.find(' ')));
    }
    totals.add_texts(0, texts);
    totals.find_rows(texts.size());
  }
  EXPECT_FALSE(totals.is_useful());
}

}  // namespace
}  // namespace weir::query
