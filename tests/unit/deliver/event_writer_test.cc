#include "deliver/event_writer.h"

#include <gmock/gmock.h>

#include <fstream>

#include "deliver/event.h"
#include "destination_folder.h"

namespace weir::deliver {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class WritingEvents : public DestinationFolder {
 protected:
  EventWriter open(EventLimits limits = {}) {
    return EventWriter::open(spool_, flow_log_, limits).value();
  }
  /// Delivers what was sealed.
  void take() {
    while (const auto segment = spool_.take([](std::uint64_t) { return true; })) {
      const auto read = read_events(segment->file, segment->bytes);
      ASSERT_TRUE(read);
      EXPECT_EQ(read->size(), segment->records);
      events_.insert(events_.end(), read->begin(), read->end());
      sizes_.push_back(segment->bytes);
      keys_.push_back(segment->key);
      spool_.free(segment->sequence);
    }
  }
  /// The numbers of the records, in the order in which they were taken.
  std::vector<int> numbers() {
    take();
    std::vector<int> out;
    for (const Event& event : events_) out.push_back(std::stoi(event.line));
    return out;
  }

  Spool spool_{
      Spool::open(root_, {std::uint64_t{1} << 30U, 0}, [](const base::LogLine&) {}).value()};
  std::vector<Event> events_;
  std::vector<std::uint64_t> sizes_;
  std::vector<std::string> keys_;
};

TEST_F(WritingEvents, AnEventIsTheRecordsLineAtItsStartInItsInterfacesStream) {
  EventWriter writer = open();
  record::Record record = record_at(kSlotOfTests + 50, 7);
  record.start = record::at(kSlotOfTests + 3);
  ASSERT_TRUE(writer.add(record));
  ASSERT_TRUE(writer.finish());
  take();
  ASSERT_THAT(events_, SizeIs(1));
  EXPECT_EQ(events_[0].time, record::at(kSlotOfTests + 3));
  EXPECT_EQ(events_[0].stream, "eni-1235b8ca123456789-all");
  EXPECT_EQ(events_[0].line, "7 10.0.0.1 1529511650") << "without a header";
}

TEST_F(WritingEvents, WhatIsOverComesInTheOrderOfStreamAndTime) {
  const record::InterfaceMetadata other = record::bare_interface("1", "eni-0");
  EventWriter writer = open();
  for (const int second : {5, 3, 9, 20, 4}) {
    ASSERT_TRUE(writer.add(record_at(kSlotOfTests + second, static_cast<std::uint16_t>(second))));
  }
  record::Record elsewhere = record_at(kSlotOfTests + 8, 8);
  elsewhere.interface = &other;
  ASSERT_TRUE(writer.add(elsewhere));
  ASSERT_TRUE(writer.publish_before(record::at(kSlotOfTests + 9)));
  EXPECT_THAT(numbers(), ElementsAre(8, 3, 4, 5)) << "one that ends then may have company still";
  ASSERT_TRUE(writer.finish());
  EXPECT_THAT(numbers(), ElementsAre(8, 3, 4, 5, 9, 20));
}

TEST_F(WritingEvents, AFileEndsBeforeItIsTooLong) {
  EventWriter writer = open({.segment_bytes = 200});
  for (std::uint16_t i = 0; i < 10; ++i) ASSERT_TRUE(writer.add(record_at(kSlotOfTests, i)));
  ASSERT_TRUE(writer.finish());
  EXPECT_THAT(numbers(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_THAT(sizes_, SizeIs(5));
  for (const std::uint64_t size : sizes_) EXPECT_LE(size, 200U);
}

TEST_F(WritingEvents, WhatWaitsIsBounded) {
  EventWriter writer = open({.waiting_bytes = 100});
  for (std::uint16_t i = 0; i < 10; ++i) ASSERT_TRUE(writer.add(record_at(kSlotOfTests, i)));
  EXPECT_THAT(numbers(), SizeIs(testing::Ge(5U)));
  ASSERT_TRUE(writer.finish());
  EXPECT_THAT(numbers(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST_F(WritingEvents, SegmentsWithTheSameEventsAreTwo) {
  EventWriter writer = open();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(writer.add(record_at(kSlotOfTests)));
    ASSERT_TRUE(writer.publish_before(record::at(kSlotOfTests + 1)));
  }
  EXPECT_THAT(writer.take_published(), SizeIs(2));
  EXPECT_THAT(writer.take_published(), IsEmpty());
  take();
  ASSERT_THAT(keys_, SizeIs(2));
  EXPECT_NE(keys_[0], keys_[1]);
  EXPECT_THAT(keys_[0],
              testing::MatchesRegex("123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_"
                                    "[0-9a-f]+\\.log"));
}

TEST_F(WritingEvents, WhatCannotBeWrittenIsKnownToBeLostByWindow) {
  EventWriter writer = open();
  fs::remove_all(spool_.writing_folder());
  ASSERT_TRUE(writer.add(record_at(kSlotOfTests)));
  EXPECT_FALSE(writer.finish());
  Coverage window;
  window.add("eni-1235b8ca123456789", record::at(kSlotOfTests), record::at(kSlotOfTests + 600));
  EXPECT_EQ(spool_.lost(), window);
}

TEST_F(WritingEvents, WhatOnlyObjectsHaveIsRefused) {
  flow_log_.file_format = FileFormat::parquet;
  EXPECT_FALSE(EventWriter::open(spool_, flow_log_));
  flow_log_.file_format = FileFormat::plain_text;
  flow_log_.per_hour_partition = true;
  EXPECT_FALSE(EventWriter::open(spool_, flow_log_));
}

TEST_F(WritingEvents, TimesBeyondTheYear9999AreBroughtBack) {
  EventWriter writer = open();
  record::Record record = record_at(0);
  record.start = record::at(std::int64_t{1} << 48);
  ASSERT_TRUE(writer.add(record));
  record.start = record::at(-5);
  ASSERT_TRUE(writer.add(record));
  ASSERT_TRUE(writer.finish());
  take();
  ASSERT_THAT(events_, SizeIs(2));
  EXPECT_EQ(events_[0].time, record::at(0));
  EXPECT_EQ(events_[1].time, record::at(253'402'214'400));  // 9999-12-31
}

TEST_F(WritingEvents, WhatIsNoFileOfEventsIsRefused) {
  const fs::path file = root_ / "f";
  for (const std::string text : {"2018-06-20T16:20:00+00:00 eni-1-all 2", "now eni-1-all 2\n", "\n",
                                 "2018-06-20T16:20:00+00:00 eni-1-all\n"}) {
    std::ofstream(file) << text;
    EXPECT_FALSE(read_events(file, text.size())) << text;
  }
  EXPECT_FALSE(read_events(file, 1000)) << "it is shorter";
  EXPECT_FALSE(read_events(root_ / "none", 1));
}

}  // namespace
}  // namespace weir::deliver
