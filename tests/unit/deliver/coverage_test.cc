#include "deliver/coverage.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace weir::deliver {
namespace {

base::UnixSeconds at(int second) {
  return base::UnixSeconds(std::chrono::seconds(second));
}

/// Second by second.
std::set<int> seconds_of(const Coverage& coverage, const std::string& id) {
  std::set<int> out;
  const auto place = coverage.interfaces().find(id);
  if (place == coverage.interfaces().end()) return out;
  for (const auto& [start, end] : place->second) {
    for (auto time = start; time < end; time += std::chrono::seconds(1)) {
      out.insert(static_cast<int>(time.time_since_epoch().count()));
    }
  }
  return out;
}

TEST(Coverage, SpansThatTouchBecomeOne) {
  Coverage coverage;
  coverage.add("eni-a", at(0), at(60));
  coverage.add("eni-a", at(120), at(180));
  coverage.add("eni-a", at(60), at(120));
  const Coverage::Spans whole{{at(0), at(180)}};
  EXPECT_EQ(coverage.interfaces().at("eni-a"), whole);
}

TEST(Coverage, WhatIsTakenAwayWholeLeavesNoInterface) {
  Coverage coverage;
  coverage.add("eni-a", at(0), at(60));
  coverage.remove(Coverage(coverage));
  EXPECT_TRUE(coverage.empty());
}

TEST(Coverage, BeginsWhereTheEarliestOfAllInterfacesDoes) {
  Coverage coverage;
  EXPECT_EQ(coverage.first(), std::nullopt);
  coverage.add("eni-a", at(120), at(180));
  coverage.add("eni-b", at(60), at(120));
  coverage.add("eni-c", at(180), at(240));
  EXPECT_EQ(coverage.first(), at(60));
}

TEST(Coverage, AddingAndRemovingIsWhatItIsSecondBySecond) {
  constexpr int kSeconds = 40;
  std::minstd_rand random(7);
  const auto below = [&](int limit) {
    return static_cast<int>(random() % static_cast<unsigned>(limit));
  };
  for (int round = 0; round < 300; ++round) {
    Coverage coverage;
    std::set<int> expected;
    for (int step = 0; step < 12; ++step) {
      const int start = below(kSeconds);
      const int end = start + 1 + below(8);
      Coverage change;
      change.add("eni-a", at(start), at(end));
      const bool is_added = below(3) != 0;
      is_added ? coverage.add(change) : coverage.remove(change);
      for (int second = start; second < end; ++second) {
        if (is_added) {
          expected.insert(second);
        } else {
          expected.erase(second);
        }
      }
      ASSERT_EQ(seconds_of(coverage, "eni-a"), expected) << "round " << round;
      ASSERT_EQ(coverage.empty(), expected.empty());
      if (expected.empty()) continue;
      ASSERT_EQ(coverage.first(), at(*expected.begin()));
      const auto& spans = coverage.interfaces().at("eni-a");
      for (auto each = std::next(spans.begin()); each != spans.end(); ++each) {
        ASSERT_LT(std::prev(each)->second, each->first) << "spans touch or overlap";
      }
    }
  }
}

}  // namespace
}  // namespace weir::deliver
