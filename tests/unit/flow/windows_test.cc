#include "flow/windows.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::flow {
namespace {

using std::chrono::seconds;

constexpr seconds kMinute{60};

/// Writes down what it is given: "flows 0:2" is two packets in the window at 0.
class Diary : public WindowSink {
 public:
  base::Expected<void> flows(const Window& window) override {
    if (is_broken) return base::fail("disk", "full");
    std::uint64_t packets = 0;
    window.table.for_each([&](const FlowKey&, std::span<const Counters> verdicts) {
      for (const Counters& counters : verdicts) packets += counters.packets;
    });
    total += packets;
    lines.push_back("flows " + at(window.start) + ":" + std::to_string(packets));
    return {};
  }
  base::Expected<void> skipped(vpc::InterfaceIndex interface, base::UnixSeconds start) override {
    lines.push_back("skipped " + at(start) + " of " +
                    std::to_string(static_cast<std::uint32_t>(interface)));
    return {};
  }
  base::Expected<void> silence(vpc::InterfaceIndex interface, base::UnixSeconds start) override {
    lines.push_back("silence " + at(start) + " of " +
                    std::to_string(static_cast<std::uint32_t>(interface)));
    return {};
  }
  base::Expected<void> completed(base::UnixSeconds time) override {
    last_completed = time;
    return {};
  }
  static std::string at(base::UnixSeconds time) {
    return std::to_string(time.time_since_epoch().count());
  }

  std::vector<std::string> lines;
  std::uint64_t total = 0;
  base::UnixSeconds last_completed{};
  bool is_broken = false;
};

base::Expected<void> packet(Windows& windows, std::int64_t second, std::uint16_t port = 1) {
  auto window = windows.at(base::UnixMicros(seconds(second)));
  if (!window) return tl::unexpected(window.error());
  FlowKey key;
  key.srcport = port;
  weir_verdict verdict{};
  verdict.accept = 1;
  Table& table = (*window)->table;
  table.count(table.find_or_add(key, table.hash(key)), verdict, weir_packet{}, 0);
  (*window)->has_traffic[0] = true;
  return {};
}

TEST(Windows, OneClosesAMinuteAfterItsEnd) {
  Diary diary;
  Windows windows(kMinute, 1, diary, {});
  EXPECT_TRUE(packet(windows, 10));
  EXPECT_TRUE(packet(windows, 119));
  EXPECT_TRUE(diary.lines.empty());
  EXPECT_TRUE(packet(windows, 120));
  EXPECT_EQ(diary.lines, std::vector<std::string>{"flows 0:1"});
  EXPECT_EQ(diary.last_completed, base::UnixSeconds(seconds(60)));
}

TEST(Windows, OneClosesAtItsEndWhenAllItsPacketsAreKnownToHaveCome) {
  Diary diary;
  Windows windows(kMinute, 2, diary, {});
  EXPECT_TRUE(windows.pass(base::UnixMicros(seconds(10))));
  EXPECT_TRUE(packet(windows, 70));
  EXPECT_TRUE(packet(windows, 59));
  (*windows.at(base::UnixMicros(seconds(59))))->has_skipped[0] = true;
  EXPECT_TRUE(windows.pass(base::UnixMicros(seconds(59))));
  EXPECT_TRUE(diary.lines.empty());
  EXPECT_TRUE(windows.pass(base::UnixMicros(seconds(60))));
  EXPECT_EQ(diary.lines,
            (std::vector<std::string>{"flows 0:1", "skipped 0 of 0", "silence 0 of 1"}));
}

TEST(Windows, AnInterfaceWithoutTrafficIsSilentInEveryWindow) {
  Diary diary;
  Windows windows(kMinute, 2, diary, {});
  EXPECT_TRUE(packet(windows, 0));
  EXPECT_TRUE(packet(windows, 130));
  EXPECT_TRUE(windows.finish());
  EXPECT_EQ(diary.lines,
            (std::vector<std::string>{"flows 0:1", "silence 0 of 1", "silence 60 of 0",
                                      "silence 60 of 1", "flows 120:1", "silence 120 of 1"}));
}

TEST(Windows, ALatePacketOpensItsWindowAgain) {
  Diary diary;
  Windows windows(kMinute, 1, diary, {});
  EXPECT_TRUE(packet(windows, 10));
  EXPECT_TRUE(packet(windows, 1000));
  EXPECT_TRUE(packet(windows, 20));
  EXPECT_EQ(windows.late_packets(), 1U);
  EXPECT_TRUE(windows.finish());
  EXPECT_EQ(diary.lines.front(), "flows 0:1");
  EXPECT_EQ(diary.lines.back(), "flows 0:1");
  EXPECT_EQ(diary.total, 3U);
}

TEST(Windows, ALeapOfTheClockIsNoSilence) {
  Diary diary;
  Windows windows(kMinute, 1, diary, {});
  EXPECT_TRUE(packet(windows, 0));
  EXPECT_TRUE(packet(windows, 4'000'000'000));
  EXPECT_TRUE(windows.finish());
  EXPECT_EQ(windows.clock_jumps(), 1U);
  EXPECT_EQ(diary.total, 2U);
  EXPECT_LT(diary.lines.size(), 10U);
}

TEST(Windows, AClockThatIsSetBackHoldsNothingAndCallsNoWindowSilentTwice) {
  Diary diary;
  Windows windows(kMinute, 1, diary, {});
  EXPECT_TRUE(windows.pass(base::UnixMicros(seconds(30))));
  EXPECT_TRUE(windows.pass(base::UnixMicros(seconds(130))));
  EXPECT_TRUE(packet(windows, 131));
  diary.lines.clear();
  EXPECT_TRUE(windows.pass(base::UnixMicros(seconds(65))));
  EXPECT_EQ(diary.lines, std::vector<std::string>{"flows 120:1"});
  EXPECT_EQ(Diary::at(diary.last_completed), "60");
  EXPECT_TRUE(packet(windows, 70));
  EXPECT_TRUE(windows.pass(base::UnixMicros(seconds(240))));
  EXPECT_EQ(diary.lines, (std::vector<std::string>{"flows 120:1", "flows 60:1", "flows 120:0",
                                                   "silence 180 of 0"}))
      << "the window at 120 had its packet before";
}

TEST(Windows, AClockThatWasWrongByYearsIsForgotten) {
  Diary diary;
  Windows windows(kMinute, 1, diary, {});
  EXPECT_TRUE(windows.pass(base::UnixMicros(std::chrono::hours(10'000))));
  EXPECT_TRUE(windows.pass(base::UnixMicros(seconds(30))));
  EXPECT_TRUE(windows.pass(base::UnixMicros(seconds(60))));
  EXPECT_EQ(diary.lines, std::vector<std::string>{"silence 0 of 0"});
}

TEST(Windows, MoreFlowsThanThereIsRoomForAreHandedOverEarly) {
  Diary diary;
  Windows windows(kMinute, 1, diary, {.flows = 100});
  for (std::uint16_t port = 0; port < 1000; ++port) EXPECT_TRUE(packet(windows, 0, port));
  EXPECT_GT(diary.lines.size(), 5U);
  EXPECT_TRUE(windows.finish());
  EXPECT_EQ(diary.total, 1000U);
}

TEST(Windows, WhatIsHandedOverEarlyIsHandedOverOnceAndLeavesNoSilence) {
  Diary diary;
  Windows windows(kMinute, 1, diary, {});
  ASSERT_TRUE(packet(windows, 5));
  (*windows.at(base::UnixMicros(seconds(5))))->has_traffic[0] = true;
  ASSERT_TRUE(windows.hand_over());
  ASSERT_TRUE(packet(windows, 6));
  ASSERT_TRUE(windows.hand_over());
  ASSERT_TRUE(windows.pass(base::UnixMicros(kMinute)));
  EXPECT_EQ(diary.total, 2U);
  EXPECT_EQ(diary.lines, (std::vector<std::string>{"flows 0:1", "flows 0:1", "flows 0:0"}));
}

TEST(Windows, AnyOrderOfPacketsLosesNone) {
  Diary diary;
  Windows windows(kMinute, 1, diary, {});
  std::uint64_t state = 1;
  for (int i = 0; i < 20'000; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    EXPECT_TRUE(packet(windows, static_cast<std::int64_t>((state >> 33U) % 100'000)));
  }
  EXPECT_TRUE(windows.finish());
  EXPECT_EQ(diary.total, 20'000U);
}

TEST(Windows, AnErrorOfTheSinkComesBack) {
  Diary diary;
  Windows windows(kMinute, 1, diary, {});
  EXPECT_TRUE(packet(windows, 0));
  diary.is_broken = true;
  EXPECT_FALSE(packet(windows, 500));
}

}  // namespace
}  // namespace weir::flow
