#include "base/time.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iomanip>
#include <sstream>
#include <string>

namespace weir::base {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

TEST(Time, WindowsAreAlignedToTheEpochAlsoBeforeIt) {
  EXPECT_EQ(aligned(UnixSeconds(seconds(1746057681)), seconds(60)),
            UnixSeconds(seconds(1746057660)));
  EXPECT_EQ(aligned(UnixSeconds(seconds(600)), seconds(600)), UnixSeconds(seconds(600)));
  EXPECT_EQ(aligned(UnixSeconds(seconds(-1)), seconds(60)), UnixSeconds(seconds(-60)));
}

TEST(Time, TheSecondOfAMomentIsTheOneItLiesIn) {
  EXPECT_EQ(second_of(UnixMicros(microseconds(1'999'999))), UnixSeconds(seconds(1)));
  EXPECT_EQ(second_of(UnixMicros(microseconds(-1))), UnixSeconds(seconds(-1)));
}

TEST(Time, ALengthHasANumberAndAUnit) {
  EXPECT_EQ(parse_duration("30s"), seconds(30));
  EXPECT_EQ(parse_duration("5m"), seconds(300));
  EXPECT_EQ(parse_duration("2h"), seconds(7'200));
  EXPECT_EQ(parse_duration("7d"), seconds(604'800));
  for (const char* text :
       {"", "5", "m", "5w", "5mm", "-5m", "5 m", "99999999999999999999s", "9999999999d"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Time, AMomentIsADateSecondsOrHowLongAgo) {
  const UnixSeconds now(seconds(1'700'000'000));
  EXPECT_EQ(parse_time("2023-11-14", now), UnixSeconds(seconds(1'699'920'000)));
  EXPECT_EQ(parse_time("2023-11-14T22:13:20Z", now), now);
  EXPECT_EQ(parse_time("1700000000", now), now);
  EXPECT_EQ(parse_time("1h", now), UnixSeconds(seconds(1'699'996'400)));
  for (const char* text : {"", "yesterday", "2023-02-30", "2023-11-14T25:00", "-1", "1x"}) {
    EXPECT_EQ(parse_time(text, now), std::nullopt) << text;
  }
}

std::string printed(const std::tm& time) {
  std::ostringstream out;
  out << std::put_time(&time, "%F %T");
  return out.str();
}

TEST(Time, IsPrintedInUtcWhateverZoneTheHostHas) {
  setenv("TZ", "JST-9", 1);
  tzset();
  EXPECT_EQ(printed(in_utc(UnixSeconds(seconds(1'700'000'000)))), "2023-11-14 22:13:20");
  EXPECT_EQ(printed(in_utc(UnixSeconds(seconds(253'402'300'799)))), "9999-12-31 23:59:59");
}

}  // namespace
}  // namespace weir::base
