#include "deliver/object_key.h"

#include <gtest/gtest.h>

#include "unit/record/samples.h"

namespace weir::deliver {
namespace {

using record::at;

/// The flow log of AWS's documented example.
FlowLog aws_example() {
  FlowLog flow_log;
  flow_log.id = "fl-1234abcd";
  flow_log.account_id = "123456789012";
  flow_log.region = "us-east-1";
  return flow_log;
}

constexpr std::int64_t kAwsSlot = 1529511600;    // 2018-06-20T16:20:00Z
constexpr std::int64_t kEarlySlot = 1704164700;  // 2024-01-02T03:05:00Z

std::string refusal(const FlowLog& flow_log) {
  const auto checked = check(flow_log);
  return checked ? "sound" : checked.error().message();
}

TEST(ObjectKey, NamesAreAwss) {
  EXPECT_EQ(key_stem(aws_example(), at(kAwsSlot)),
            "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z");
  EXPECT_EQ(key_stem(aws_example(), at(kEarlySlot)),
            "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20240102T0305Z");
  FlowLog flow_log = aws_example();
  EXPECT_EQ(key_suffix(flow_log), ".log.gz");
  flow_log.file_format = FileFormat::parquet;
  EXPECT_EQ(key_suffix(flow_log), ".log.parquet");
}

TEST(ObjectKey, FoldersAreAwssFourLayouts) {
  FlowLog flow_log = aws_example();
  EXPECT_EQ(key_folder(flow_log, at(kAwsSlot)),
            "AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/");
  flow_log.per_hour_partition = true;
  EXPECT_EQ(key_folder(flow_log, at(kEarlySlot)),
            "AWSLogs/123456789012/vpcflowlogs/us-east-1/2024/01/02/03/");
  flow_log.hive_compatible_partitions = true;
  EXPECT_EQ(key_folder(flow_log, at(kEarlySlot)),
            "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/"
            "year=2024/month=01/day=02/hour=03/");
  flow_log.per_hour_partition = false;
  EXPECT_EQ(key_folder(flow_log, at(kAwsSlot)),
            "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/"
            "year=2018/month=06/day=20/");
}

TEST(ObjectKey, ADefaultIdIsAFunctionOfTheSettings) {
  // printf 'us-east-1\0vpc-1\0' | sha256sum
  EXPECT_EQ(default_flow_log_id({"us-east-1", "vpc-1"}), "fl-9bdee7e33a92dd5e9");
  EXPECT_NE(default_flow_log_id({"ab", "c"}), default_flow_log_id({"a", "bc"}));
  FlowLog flow_log = aws_example();
  flow_log.id = default_flow_log_id({});
  EXPECT_EQ(refusal(flow_log), "sound");
}

TEST(ObjectKey, TheIntervalIsOneOrTenMinutes) {
  FlowLog flow_log = aws_example();
  EXPECT_EQ(refusal(flow_log), "sound");
  flow_log.max_aggregation_interval = std::chrono::seconds(60);
  EXPECT_EQ(refusal(flow_log), "sound");
  flow_log.max_aggregation_interval = std::chrono::seconds(300);
  EXPECT_EQ(refusal(flow_log), "--max-aggregation-interval: 300 is neither 60 nor 600 seconds");
}

TEST(ObjectKey, WhatBecomesPartOfAPathHasItsShape) {
  for (const char* id : {"", "fl-", "1234abcd", "fl-1234abcg", "fl-1234abcde", "fl-../../etc"}) {
    FlowLog flow_log = aws_example();
    flow_log.id = id;
    EXPECT_EQ(refusal(flow_log), "--flow-log-id: '" + flow_log.id +
                                     "' is no flow log id; write fl- and 8 or 17 hex digits");
  }
  for (const char* region : {"", "..", "us/east", "US-EAST-1", "us east"}) {
    FlowLog flow_log = aws_example();
    flow_log.region = region;
    EXPECT_EQ(refusal(flow_log), "--region: '" + flow_log.region +
                                     "' is no region; write its code, such as us-east-1");
  }
  for (const char* account : {"", "12345678901", "1234567890123", "12345678901a"}) {
    FlowLog flow_log = aws_example();
    flow_log.account_id = account;
    EXPECT_EQ(refusal(flow_log), "account id: '" + flow_log.account_id + "' is not 12 digits");
  }
}

}  // namespace
}  // namespace weir::deliver
