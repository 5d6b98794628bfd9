#include "deliver/log_destination.h"

#include <gmock/gmock.h>

namespace weir::deliver {
namespace {

using testing::HasSubstr;

base::Expected<LogDestination> read(const std::string& type, const std::string& destination,
                                    const std::string& group = "", const std::string& role = "") {
  return log_destination_of({type, destination, group, role}, "--");
}

std::string complaint(const std::string& type, const std::string& destination,
                      const std::string& group = "", const std::string& role = "") {
  const auto out = read(type, destination, group, role);
  return out ? "none" : out.error().message();
}

TEST(LogDestination, WithoutATypeAFolderIsOneAndUrlsAndArnsSayTheirs) {
  EXPECT_EQ(read("", "logs/")->type, LogDestinationType::folder);
  EXPECT_EQ(read("", "s3://bucket/a")->type, LogDestinationType::s3);
  EXPECT_EQ(read("", "arn:aws:s3:::bucket/a")->type, LogDestinationType::s3);
  EXPECT_EQ(read("", "", "/flow")->type, LogDestinationType::cloud_watch_logs);
  EXPECT_EQ(read("", "arn:aws:logs:eu-west-1:123456789012:log-group:/flow")->type,
            LogDestinationType::cloud_watch_logs);
  EXPECT_EQ(read("", "arn:aws-cn:firehose:cn-north-1:123456789012:deliverystream/f")->type,
            LogDestinationType::kinesis_data_firehose);
}

TEST(LogDestination, ALogGroupIsGivenByNameOrByArnWithItsRegion) {
  const auto named = read("cloud-watch-logs", "", "/weir/flow", "arn:aws:iam::1:role/r").value();
  EXPECT_EQ(named.name, "/weir/flow");
  EXPECT_EQ(named.region, "");
  EXPECT_EQ(named.role_arn, "arn:aws:iam::1:role/r");
  const auto by_arn =
      read("cloud-watch-logs", "arn:aws:logs:eu-west-1:123456789012:log-group:a/b#1").value();
  EXPECT_EQ(by_arn.name, "a/b#1");
  EXPECT_EQ(by_arn.region, "eu-west-1");
}

TEST(LogDestination, ADeliveryStreamIsGivenByEitherFormOfItsArn) {
  for (const char* arn : {"arn:aws:firehose:us-west-2:123456789012:deliverystream/flow",
                          "arn:aws:firehose:us-west-2:123456789012:deliverystream:flow"}) {
    const auto out = read("kinesis-data-firehose", arn).value();
    EXPECT_EQ(out.type, LogDestinationType::kinesis_data_firehose);
    EXPECT_EQ(out.name, "flow");
    EXPECT_EQ(out.region, "us-west-2");
  }
}

TEST(LogDestination, WhatAwsRefusesIsRefusedInItsWords) {
  EXPECT_THAT(complaint("cloud-watch-logs", ""),
              HasSubstr("LogDestination can't be empty if LogGroupName is not provided"));
  EXPECT_THAT(
      complaint("s3", "s3://bucket", "/flow"),
      HasSubstr("LogDestination type must be cloud-watch-logs if LogGroupName is provided"));
  EXPECT_THAT(complaint("s3", "s3://bucket", "", "arn:aws:iam::1:role/r"),
              HasSubstr("DeliverLogsPermissionArn is not applicable for s3 delivery"));
}

TEST(LogDestination, AnArnOfSomethingElseIsRefusedWithTheRightForm) {
  EXPECT_THAT(complaint("cloud-watch-logs", "arn:aws:s3:::bucket"),
              HasSubstr("arn:aws:logs:{region}:{account}:log-group:{name}"));
  EXPECT_THAT(complaint("cloud-watch-logs", "logs/"), HasSubstr("is no log group's ARN"));
  EXPECT_THAT(complaint("", "arn:aws:logs:us-east-1:1:log-group:flow:*"), HasSubstr(":*"));
  EXPECT_THAT(complaint("kinesis-data-firehose", "flow"),
              HasSubstr("arn:aws:firehose:{region}:{account}:deliverystream/{name}"));
  EXPECT_THAT(complaint("s3", "logs/"), HasSubstr("names no bucket"));
  EXPECT_THAT(complaint("", "arn:aws:logs:us-east-1:1:log-group:a", "b"),
              HasSubstr("is another log group"));
}

TEST(LogDestination, NamesAreThoseThatAwsTakes) {
  EXPECT_EQ(complaint("", "", std::string(512, 'a')), "none");
  EXPECT_THAT(complaint("", "", std::string(513, 'a')), HasSubstr("--log-group-name"));
  EXPECT_THAT(complaint("", "", "a b"), HasSubstr("is no log group's name"));
  const std::string stream = "arn:aws:firehose:us-west-2:1:deliverystream/";
  EXPECT_EQ(complaint("", stream + std::string(64, 'a')), "none");
  EXPECT_NE(complaint("", stream + std::string(65, 'a')), "none");
  EXPECT_NE(complaint("", stream), "none");
}

}  // namespace
}  // namespace weir::deliver
