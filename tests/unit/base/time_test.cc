#include "base/time.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace weir::base
