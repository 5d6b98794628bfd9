#include "service/flow_log.h"

#include <gmock/gmock.h>

#include "plan_folder.h"

namespace weir::service {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FlowLogTest : public PlanFolder {
 protected:
  FlowLogTest() {
    auto objects = Objects::open(logs(), plan_->flow_logs.front().flow_log, kStart, log());
    EXPECT_TRUE(objects) << objects.error().message();
    flow_log_.emplace(*plan_, 0, std::move(*objects));
    EXPECT_TRUE(flow_log_->pass(kStart));
  }

  void add(base::UnixMicros time, std::uint16_t srcport) {
    EXPECT_TRUE(flow_log_->add(flow_at(time, srcport), eni_1()));
  }
  void turn(base::UnixMicros now) { EXPECT_TRUE(flow_log_->turn(now, false)); }

  std::optional<FlowLog> flow_log_;
};

TEST_F(FlowLogTest, WhatWasSeenIsPublishedWithItsFiveMinutes) {
  add(kStart + seconds(70), 1);
  turn(kStart + seconds(71));
  turn(kStart + seconds(299));
  EXPECT_THAT(lines(), IsEmpty());
  turn(kStart + minutes(5));
  EXPECT_THAT(told("eni-1"), ElementsAre("0 NODATA", "1 OK", "2 NODATA", "3 NODATA", "4 NODATA"));
  EXPECT_EQ(flow_log_->whole_until(), kStart + minutes(5));
}

TEST_F(FlowLogTest, RecordsThatWereLostBecomeSkipdataOfAllInterfacesInTheNextTurn) {
  add(kStart + seconds(10), 1);
  break_logs();
  EXPECT_TRUE(flow_log_->finish(kStart + seconds(11)));
  EXPECT_EQ(flow_log_->lost_records(), 1U);
  mend_logs();
  turn(kStart + seconds(12));
  turn(kStart + minutes(5));
  EXPECT_THAT(told("eni-1"),
              ElementsAre("0 SKIPDATA", "1 NODATA", "2 NODATA", "3 NODATA", "4 NODATA"));
  EXPECT_EQ(told("eni-2"), told("eni-1"));
}

TEST_F(FlowLogTest, WhatTheLastPublicationLostIsToldAtOnceIfThereIsRoom) {
  add(kStart + seconds(10), 1);
  break_logs();
  EXPECT_TRUE(flow_log_->finish(kStart + seconds(11)));
  mend_logs();
  EXPECT_TRUE(flow_log_->settle_all(kStart + seconds(11)));
  EXPECT_THAT(told("eni-1"), ElementsAre("0 SKIPDATA"));
  EXPECT_EQ(told("eni-2"), told("eni-1"));
  EXPECT_TRUE(flow_log_->is_published());
}

TEST_F(FlowLogTest, AClockThatIsSetBackLeavesNothingUnpublished) {
  turn(kStart + minutes(10));
  add(kStart + minutes(11), 1);
  turn(kStart + seconds(661));
  turn(kStart + minutes(2));
  EXPECT_THAT(told("eni-1"), ::testing::Contains("11 OK")) << "though the clock is not there yet";
  EXPECT_EQ(flow_log_->whole_until(), kStart + minutes(2));
  add(kStart + minutes(3), 2);
  turn(kStart + minutes(5));
  EXPECT_THAT(told("eni-1"), ::testing::Contains("3 OK"));
  EXPECT_EQ(flow_log_->whole_until(), kStart + minutes(5));
  turn(kStart + minutes(15));
  EXPECT_THAT(told("eni-2"), ::testing::SizeIs(15)) << "one NODATA of each window";
  EXPECT_EQ(flow_log_->whole_until(), kStart + minutes(15));
}

TEST_F(FlowLogTest, AClockThatWasYearsAheadIsForgotten) {
  turn(kStart + hours(24 * 3'000));
  turn(kStart);
  EXPECT_EQ(flow_log_->whole_until(), kStart);
  turn(kStart + minutes(5));
  EXPECT_THAT(told("eni-1"), ::testing::Contains("4 NODATA"));
}

}  // namespace
}  // namespace weir::service
