#include "policy/tracker.h"

#include <gtest/gtest.h>

namespace weir::policy {
namespace {

weir_connection_key key_of(std::uint32_t number) {
  weir_connection_key key{};
  key.local.low = number;
  key.protocol = WEIR_UDP;
  return key;
}

TEST(Tracker, FindsWhatWasAddedWhateverTheHint) {
  Tracker tracker(100'000);
  for (std::uint32_t i = 0; i < 50'000; ++i) {
    EXPECT_NE(tracker.add(key_of(i), weir_open_connection(i, WEIR_EGRESS, 0), 0), Tracker::kNone);
  }
  for (std::uint32_t i = 0; i < 50'000; ++i) {
    const std::uint32_t found = tracker.find(key_of(i), i * 7);
    ASSERT_NE(found, Tracker::kNone);
    EXPECT_EQ(tracker[found].connection.opening_rule, i);
  }
  EXPECT_EQ(tracker.find(key_of(50'000), 3), Tracker::kNone);
}

TEST(Tracker, FullOfLiveConnectionsItTakesNoMore) {
  Tracker tracker(1000);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    EXPECT_NE(tracker.add(key_of(i), weir_open_connection(0, WEIR_EGRESS, 0), 0), Tracker::kNone);
  }
  EXPECT_EQ(tracker.add(key_of(1000), weir_open_connection(0, WEIR_EGRESS, 0), 0), Tracker::kNone);
  EXPECT_NE(tracker.find(key_of(999), Tracker::kNone), Tracker::kNone);
}

TEST(Tracker, ForgetsWhatHasTimedOutToMakeRoom) {
  Tracker tracker(1000);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    tracker.add(key_of(i), weir_open_connection(0, WEIR_EGRESS, 0), 0);
  }
  const std::uint64_t later = WEIR_TIMEOUT_UDP + 100 * WEIR_SECOND;
  EXPECT_NE(tracker.add(key_of(1000), weir_open_connection(0, WEIR_EGRESS, later), later),
            Tracker::kNone);
  EXPECT_EQ(tracker.size(), 1U);
  EXPECT_EQ(tracker.find(key_of(5), 5), Tracker::kNone);
}

TEST(Tracker, FullItIsSweptAtMostOnceASecond) {
  Tracker tracker(1000);
  const std::uint64_t start = 1000 * WEIR_SECOND;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    tracker.add(key_of(i), weir_open_connection(0, WEIR_EGRESS, start), start);
  }
  EXPECT_EQ(tracker.size(), 1000U);
}

}  // namespace
}  // namespace weir::policy
