#include "deliver/publisher.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <map>

#include "deliver/spool.h"
#include "destination_folder.h"

namespace weir::deliver {
namespace {

using record::gzip_lines;
using record::sql;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view kHeader = "srcport srcaddr end";

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

using Publishing = DestinationFolder;

TEST_F(Publishing, RecordsGoIntoTheFiveMinutesOfTheirEnd) {
  Publisher publisher = open();
  for (const std::int64_t end :
       {kSlotOfTests - 1, kSlotOfTests, kSlotOfTests + 299, kSlotOfTests + 300}) {
    ASSERT_TRUE(publisher.add(record_at(end)));
  }
  ASSERT_TRUE(publisher.finish());
  const std::vector<fs::path> found = files();
  ASSERT_THAT(found, SizeIs(3));
  EXPECT_THAT(found[0].string(), testing::HasSubstr("_20180620T1615Z_"));
  EXPECT_THAT(gzip_lines(found[0]), ElementsAre(kHeader, "1 10.0.0.1 1529511599"));
  EXPECT_THAT(found[1].string(), testing::HasSubstr("_20180620T1620Z_"));
  EXPECT_THAT(gzip_lines(found[1]),
              ElementsAre(kHeader, "1 10.0.0.1 1529511600", "1 10.0.0.1 1529511899"));
  EXPECT_THAT(found[2].string(), testing::HasSubstr("_20180620T1625Z_"));
  EXPECT_THAT(gzip_lines(found[2]), ElementsAre(kHeader, "1 10.0.0.1 1529511900"));
}

TEST_F(Publishing, AnObjectIsNamedByTheHashOfItsBytes) {
  Publisher publisher = open();
  ASSERT_TRUE(publisher.add(record_at(kSlotOfTests)));
  ASSERT_TRUE(publisher.finish());
  const std::vector<PublishedObject> published = publisher.take_published();
  ASSERT_THAT(published, SizeIs(1));
  const fs::path path = root_ / published[0].key;
  const std::string hash =
      sql("SELECT left(sha256(content), 8) FROM read_blob('" + path.string() + "')")[0][0];
  EXPECT_EQ(published[0].key,
            "AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/"
            "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_" +
                hash + ".log.gz");
  EXPECT_EQ(published[0].records, 1U);
  EXPECT_EQ(published[0].bytes, fs::file_size(path));
}

TEST_F(Publishing, TheGzipHeaderHasNeitherTimeNorName) {
  Publisher publisher = open();
  ASSERT_TRUE(publisher.add(record_at(kSlotOfTests)));
  ASSERT_TRUE(publisher.finish());
  // RFC 1952: magic, deflate, no flags, mtime 0.
  EXPECT_EQ(content_of(files().at(0)).substr(0, 8), std::string("\x1f\x8b\x08\0\0\0\0\0", 8));
}

TEST_F(Publishing, ASecondRunLeavesTheObjectsUntouched) {
  for (const FileFormat format : {FileFormat::plain_text, FileFormat::parquet}) {
    flow_log_.file_format = format;
    std::map<fs::path, fs::file_time_type> times;
    for (int run = 0; run < 2; ++run) {
      Publisher publisher = open({.text_bytes = 2'000, .parquet_records = 100});
      for (std::uint16_t i = 0; i < 250; ++i) {
        ASSERT_TRUE(publisher.add(record_at(kSlotOfTests, i)));
      }
      ASSERT_TRUE(publisher.finish());
      if (run == 0) {
        // Long ago, so that a rewritten file cannot have the same time by chance.
        for (const fs::path& path : files()) {
          fs::last_write_time(path, fs::last_write_time(path) - std::chrono::hours(1));
          times[path] = fs::last_write_time(path);
        }
      }
    }
    EXPECT_GE(times.size(), 3U);
    EXPECT_THAT(files(), SizeIs(times.size()));
    for (const auto& [path, time] : times) EXPECT_EQ(fs::last_write_time(path), time) << path;
    fs::remove_all(root_);
  }
}

TEST_F(Publishing, NobodySeesAnObjectBeforeItIsWhole) {
  Publisher publisher = open();
  ASSERT_TRUE(publisher.add(record_at(kSlotOfTests)));
  ASSERT_THAT(files(), SizeIs(1));
  EXPECT_EQ(files()[0].filename(),
            ".123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_0.tmp");
  EXPECT_THAT(publisher.take_published(), IsEmpty());
  ASSERT_TRUE(publisher.finish());
  ASSERT_THAT(files(), SizeIs(1));
  EXPECT_EQ(files()[0].extension(), ".gz");
}

TEST_F(Publishing, WithoutFinishNothingIsLeftOfOpenObjects) {
  {
    Publisher publisher = open();
    ASSERT_TRUE(publisher.add(record_at(kSlotOfTests)));
  }
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(Publishing, WhatAKilledRunLeftIsOverwritten) {
  const fs::path folder = root_ / "AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20";
  fs::create_directories(folder);
  std::ofstream(folder / ".123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_0.tmp")
      << std::string(10'000, 'x');
  Publisher publisher = open();
  ASSERT_TRUE(publisher.add(record_at(kSlotOfTests)));
  ASSERT_TRUE(publisher.finish());
  ASSERT_THAT(files(), SizeIs(1));
  EXPECT_THAT(gzip_lines(files()[0]), ElementsAre(kHeader, "1 10.0.0.1 1529511600"));
}

TEST_F(Publishing, ALargeSlotMakesSeveralObjectsEachWithItsHeader) {
  constexpr std::uint64_t kLimit = 10'000;
  constexpr std::uint16_t kRecords = 1'500;
  Publisher publisher = open({.text_bytes = kLimit});
  for (std::uint16_t i = 0; i < kRecords; ++i) {
    ASSERT_TRUE(publisher.add(record_at(kSlotOfTests, i)));
  }
  ASSERT_TRUE(publisher.finish());
  const std::vector<PublishedObject> published = publisher.take_published();
  ASSERT_GT(published.size(), 3U);
  std::uint16_t next = 0;
  for (const PublishedObject& object : published) {
    const std::vector<std::string> lines = gzip_lines(root_ / object.key);
    ASSERT_EQ(lines.size(), object.records + 1);
    EXPECT_EQ(lines[0], kHeader);
    std::size_t bytes = 0;
    for (const std::string& line : lines) bytes += line.size() + 1;
    EXPECT_LT(bytes, kLimit + lines.back().size() + 1);
    for (std::size_t i = 1; i < lines.size(); ++i) {
      EXPECT_EQ(lines[i], std::to_string(next++) + " 10.0.0.1 1529511600");
    }
  }
  EXPECT_EQ(next, kRecords);
  EXPECT_THAT(files(), SizeIs(published.size()));
}

TEST_F(Publishing, ManyBlocksOfTextReadBackAsTheyWereWritten) {
  Publisher publisher = open();
  std::vector<std::string> expected{std::string(kHeader)};
  for (std::uint16_t i = 0; i < 60'000; ++i) {
    const std::int64_t end = kSlotOfTests + i * 7919 % 300;
    ASSERT_TRUE(publisher.add(record_at(end, i)));
    expected.push_back(std::to_string(i) + " 10.0.0.1 " + std::to_string(end));
  }
  ASSERT_TRUE(publisher.finish());
  EXPECT_TRUE(gzip_lines(files().at(0)) == expected);  // EXPECT_EQ would print them
}

TEST_F(Publishing, OnlySlotsThatEndedArePublished) {
  Publisher publisher = open();
  ASSERT_TRUE(publisher.add(record_at(kSlotOfTests)));
  ASSERT_TRUE(publisher.add(record_at(kSlotOfTests + 300)));
  ASSERT_TRUE(publisher.publish_before(record::at(kSlotOfTests + 299)));
  EXPECT_THAT(publisher.take_published(), IsEmpty());
  ASSERT_TRUE(publisher.publish_before(record::at(kSlotOfTests + 300)));
  EXPECT_THAT(publisher.take_published(), SizeIs(1));
  ASSERT_TRUE(publisher.finish());
  EXPECT_THAT(publisher.take_published(), SizeIs(1));
}

TEST_F(Publishing, LateRecordsMakeAFurtherObjectEvenWithTheSameBytes) {
  for (const FileFormat format : {FileFormat::plain_text, FileFormat::parquet}) {
    flow_log_.file_format = format;
    Publisher publisher = open();
    for (int time = 0; time < 2; ++time) {
      ASSERT_TRUE(publisher.add(record_at(kSlotOfTests)));
      ASSERT_TRUE(publisher.publish_before(record::at(kSlotOfTests + 300)));
    }
    ASSERT_THAT(files(), SizeIs(2));
    EXPECT_EQ(content_of(files()[0]), content_of(files()[1]));
    fs::remove_all(root_);
  }
}

TEST_F(Publishing, AllObjectsOfASlotAreKeptHoweverManySlotsLieBetween) {
  Publisher publisher = open();
  constexpr std::int64_t kSlots = 30;
  for (int round = 0; round < 3; ++round) {
    for (std::int64_t slot = 0; slot < kSlots; ++slot) {
      ASSERT_TRUE(publisher.add(record_at(kSlotOfTests + slot * 300)));
      ASSERT_TRUE(publisher.finish());
    }
  }
  EXPECT_THAT(files(), SizeIs(3 * kSlots));
}

TEST_F(Publishing, ParquetSaysWhatTextSaysAndIsCutByRecords) {
  flow_log_.file_format = FileFormat::parquet;
  Publisher publisher = open({.parquet_records = 100});
  for (std::uint16_t i = 0; i < 250; ++i) ASSERT_TRUE(publisher.add(record_at(kSlotOfTests, i)));
  ASSERT_TRUE(publisher.finish());
  const std::vector<PublishedObject> published = publisher.take_published();
  ASSERT_THAT(published, SizeIs(3));
  std::vector<std::string> lines;
  for (const PublishedObject& object : published) {
    const fs::path path = root_ / object.key;
    EXPECT_EQ(object.bytes, fs::file_size(path));
    EXPECT_TRUE(path.string().ends_with(".log.parquet"));
    for (const auto& row :
         sql("SELECT srcport || ' ' || srcaddr || ' ' || \"end\" FROM '" + path.string() + "'")) {
      lines.push_back(row[0]);
    }
  }
  ASSERT_THAT(lines, SizeIs(250));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i], std::to_string(i) + " 10.0.0.1 1529511600");
  }
  EXPECT_THAT(files(), SizeIs(3));
}

TEST_F(Publishing, SettingsThatAwsWouldRefuseOpenNothing) {
  flow_log_.account_id = "unknown";
  EXPECT_FALSE(Publisher::open(root_.string(), flow_log_));
  EXPECT_FALSE(fs::exists(root_));
}

TEST_F(Publishing, TheSameBytesOfAnotherRunHaveAnotherNameInTheSpool) {
  std::vector<std::string> keys;
  for (const unsigned first_part : {0U, 0U, 1U, 2U}) {
    Spool spool = Spool::open(root_, {}, [](const base::LogLine&) {}).value();
    Publisher publisher = Publisher::open(spool, flow_log_, first_part).value();
    ASSERT_TRUE(publisher.add(record_at(kSlotOfTests)));
    ASSERT_TRUE(publisher.finish());
    keys.push_back(publisher.take_published().at(0).key);
  }
  EXPECT_EQ(keys[0], keys[1]);
  EXPECT_NE(keys[1], keys[2]);
  EXPECT_NE(keys[2], keys[3]);
}

TEST_F(Publishing, ASegmentHasTheHashOfItsObject) {
  for (const FileFormat format : {FileFormat::plain_text, FileFormat::parquet}) {
    flow_log_.file_format = format;
    for (const unsigned first_part : {0U, 1U}) {
      Spool spool = Spool::open(root_, {}, [](const base::LogLine&) {}).value();
      Publisher publisher = Publisher::open(spool, flow_log_, first_part).value();
      ASSERT_TRUE(publisher.add(record_at(kSlotOfTests)));
      ASSERT_TRUE(publisher.finish());
      const Segment segment = spool.take([](std::uint64_t) { return true; }).value();
      fs::resize_file(segment.file, segment.bytes);  // without its description
      EXPECT_EQ(base::hex(segment.sha256.value()), sql("SELECT sha256(content) FROM read_blob('" +
                                                       segment.file.string() + "')")[0][0]);
      spool.free(segment.sequence);
    }
  }
}

TEST_F(Publishing, ASegmentSaysInWhichWindowsItsRecordsAre) {
  flow_log_.max_aggregation_interval = std::chrono::seconds(60);
  Spool spool =
      Spool::open(root_, {.bytes = 1, .leave_free = 0}, [](const base::LogLine&) {}).value();
  Publisher publisher = Publisher::open(spool, flow_log_).value();
  for (const int second : {0, 59, 60, 240}) {
    ASSERT_TRUE(publisher.add(record_at(kSlotOfTests + second)));
  }
  ASSERT_TRUE(publisher.finish());
  Coverage expected;  // no room: all is lost at once
  const std::string id(record::kAwsInterface.interface_id);
  expected.add(id, record::at(kSlotOfTests), record::at(kSlotOfTests + 120));
  expected.add(id, record::at(kSlotOfTests + 240), record::at(kSlotOfTests + 300));
  EXPECT_EQ(spool.lost(), expected);
  EXPECT_EQ(spool.status().lost_records, 4U);
}

}  // namespace
}  // namespace weir::deliver
