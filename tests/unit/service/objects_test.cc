#include "service/objects.h"

#include <gmock/gmock.h>

#include "plan_folder.h"

namespace weir::service {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr base::UnixSeconds kSlot{seconds(1'795'475'700)};

class ObjectsTest : public PlanFolder {
 protected:
  ObjectsTest() {
    auto opened = Objects::open(logs(), plan_->flow_logs.front().flow_log, kSlot, log());
    EXPECT_TRUE(opened) << opened.error().message();
    objects_ = std::move(*opened);
    interface_.interface_id = "eni-1";
  }

  /// A NODATA record of the minute that begins so long after kSlot.
  void add(int second) {
    record::Record record;
    record.interface = &interface_;
    record.start = kSlot + seconds(second);
    record.end = record.start + seconds(59);
    record.log_status = record::LogStatus::nodata;
    EXPECT_TRUE(objects_->add(record)) << "it never fails";
  }
  [[nodiscard]] static std::string line(int second) {
    return "eni-1 " + std::to_string((kSlot + seconds(second)).time_since_epoch().count()) +
           " - NODATA";
  }

  record::InterfaceMetadata interface_;
  std::unique_ptr<Objects> objects_;
};

TEST_F(ObjectsTest, ArePublishedWhenTheirFiveMinutesAreCompleted) {
  add(240);
  add(300);
  EXPECT_TRUE(objects_->completed(kSlot + seconds(299)));
  EXPECT_THAT(lines(), IsEmpty());
  EXPECT_EQ(objects_->whole_until(), kSlot);
  EXPECT_TRUE(objects_->completed(kSlot + seconds(360)));
  EXPECT_THAT(lines(), ElementsAre(line(240)));
  EXPECT_EQ(objects_->whole_until(), kSlot + seconds(300));
  objects_->publish_all(kSlot + seconds(361));
  EXPECT_THAT(lines(), ElementsAre(line(240), line(300)));
  EXPECT_EQ(objects_->whole_until(), kSlot + seconds(361));
  EXPECT_EQ(objects_->take_published(kSlot).size(), 2U);
  EXPECT_EQ(objects_->published(), 2U);
}

TEST_F(ObjectsTest, OfEventsArePublishedWhenTheirWindowIsCompleted) {
  FlowLogConfig config;
  config.destination = {deliver::LogDestinationType::cloud_watch_logs, "/flow", "", ""};
  config.remote.endpoint_url = "http://127.0.0.1:9";
  deliver::FlowLog flow_log = plan_->flow_logs.front().flow_log;
  flow_log.max_aggregation_interval = seconds(60);
  const SpoolConfig spool{folder_ / "spool"};
  auto remote = Remote::open(spool, config, flow_log, [](const base::LogLine&) {});
  ASSERT_TRUE(remote) << remote.error().message();
  auto opened = Objects::open(*remote, flow_log, kSlot, log());
  ASSERT_TRUE(opened) << opened.error().message();
  objects_ = std::move(*opened);
  add(0);
  add(60);
  EXPECT_TRUE(objects_->completed(kSlot + seconds(119)));
  EXPECT_EQ((*remote)->spool().status().sealed, 1U);
  EXPECT_EQ(objects_->whole_until(), kSlot + seconds(60));
  EXPECT_FALSE(objects_->is_published());
  EXPECT_TRUE(objects_->completed(kSlot + seconds(120)));
  EXPECT_EQ((*remote)->spool().status().sealed, 2U);
  EXPECT_TRUE(objects_->is_published());
  EXPECT_EQ(objects_->take_published(kSlot).size(), 2U);
}

TEST_F(ObjectsTest, ThatCannotBeWrittenAreCountedAndTheirFiveMinutesAreALoss) {
  add(60);
  break_logs();
  EXPECT_TRUE(objects_->completed(kSlot + seconds(600)));
  EXPECT_EQ(objects_->lost_records(), 1U);
  EXPECT_EQ(objects_->whole_until(), kSlot) << "not before SKIPDATA is published";
  EXPECT_FALSE(objects_->has_room());
  EXPECT_THAT(said_, HasSubstr("1 records of 2026-11-23 "));
  mend_logs();
  EXPECT_TRUE(objects_->has_room());
  EXPECT_THAT(said_, HasSubstr("can be written to again"));
  const auto loss = objects_->take_loss();
  ASSERT_TRUE(loss);
  EXPECT_EQ(loss->from, kSlot);
  EXPECT_EQ(loss->to, kSlot + seconds(300));
  EXPECT_FALSE(objects_->take_loss());
  EXPECT_TRUE(objects_->completed(kSlot + seconds(600)));
  EXPECT_EQ(objects_->whole_until(), kSlot + seconds(600));
}

TEST_F(ObjectsTest, ThatWereFinishedAndNobodyTookYetMakeNoLossSmaller) {
  add(0);
  EXPECT_TRUE(objects_->completed(kSlot + seconds(300)));
  add(300);
  break_logs();
  EXPECT_TRUE(objects_->completed(kSlot + seconds(600)));
  EXPECT_EQ(objects_->lost_records(), 1U);
  mend_logs();
}

TEST_F(ObjectsTest, AreNotWholeUntilATimeThatTheClockIsToReachAgain) {
  objects_->publish_all(kSlot + seconds(900));
  objects_->set_back(kSlot + seconds(30));
  EXPECT_EQ(objects_->whole_until(), kSlot + seconds(30));
  objects_->publish_all(kSlot + seconds(40));
  EXPECT_EQ(objects_->whole_until(), kSlot + seconds(40));
}

}  // namespace
}  // namespace weir::service
