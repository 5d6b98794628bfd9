// Which folders of a bucket are listed one by one, and what their names tell.
#include "logs/s3_folder.h"

#include <gtest/gtest.h>

namespace weir::logs {
namespace {

using std::chrono::sys_days;

constexpr const char* kPlain = "net/AWSLogs/123456789012/vpcflowlogs/us-east-1/";
constexpr const char* kHive =
    "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/";

sys_days day(int year, unsigned month, unsigned day) {
  return std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day);
}

S3Folder below(const std::string& prefix) {
  return s3_folder_below(named_s3_folder("b", ""), prefix);
}

TEST(S3Folder, EachLevelOfBothLayoutsTellsWhatItIsOf) {
  for (const auto& [folders, year, month, date, hour] :
       {std::tuple(std::string(kPlain), "2024/", "02/", "09/", "07/"),
        std::tuple(std::string(kHive), "year=2024/", "month=02/", "day=09/", "hour=07/")}) {
    std::string prefix = folders;
    EXPECT_EQ(below(prefix).key.account_id, "123456789012");
    EXPECT_EQ(below(prefix).key.region, "us-east-1");
    EXPECT_FALSE(below(prefix).first_day);
    prefix += year;
    EXPECT_EQ(below(prefix).first_day, day(2024, 1, 1));
    EXPECT_EQ(below(prefix).last_day, day(2024, 12, 31));
    prefix += month;
    EXPECT_EQ(below(prefix).first_day, day(2024, 2, 1));
    EXPECT_EQ(below(prefix).last_day, day(2024, 2, 29)) << "a leap year";
    EXPECT_FALSE(below(prefix).key.date);
    prefix += date;
    EXPECT_EQ(below(prefix).first_day, day(2024, 2, 9));
    EXPECT_EQ(below(prefix).last_day, day(2024, 2, 9));
    EXPECT_EQ(below(prefix).key.date, day(2024, 2, 9));
    EXPECT_FALSE(below(prefix).key.hour);
    EXPECT_FALSE(below(prefix).is_flat) << "it may have folders of hours";
    prefix += hour;
    EXPECT_EQ(below(prefix).key.hour, 7);
    EXPECT_TRUE(below(prefix).is_flat);
  }
}

TEST(S3Folder, OfAnAccountsServicesOnlyFlowLogsAreLookedAtUnlessAnotherIsNamed) {
  EXPECT_EQ(below("AWSLogs/123456789012/").prefix, "AWSLogs/123456789012/vpcflowlogs/");
  EXPECT_EQ(below("AWSLogs/aws-account-id=123456789012/").prefix,
            "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/");
  const std::string other = "AWSLogs/123456789012/elasticloadbalancing";
  EXPECT_TRUE(named_s3_folder("b", other + "/").is_flat);
  EXPECT_TRUE(s3_folder_below(named_s3_folder("b", other), other + "/").is_flat);
}

TEST(S3Folder, WhatIsNotCalledAsAwsCallsItIsListedAtOnce) {
  for (const std::string name : {"odd/", "20x4/", "2024/13/", "2024/2/", "2024/02/30/",
                                 "2024/02/09/x/", "2024/02/09/07/more/"}) {
    EXPECT_TRUE(below(kPlain + name).is_flat) << name;
    EXPECT_EQ(below(kPlain + name).key.region, "us-east-1");
  }
  EXPECT_FALSE(below(std::string(kHive) + "2024/").first_day) << "half of the other layout";
}

TEST(S3Folder, OfAnOrganizationsTrailNoServiceIsLookedAtButFlowLogs) {
  const S3Folder organization = below("AWSLogs/o-exampleorgid/");
  EXPECT_EQ(organization.prefix, "AWSLogs/o-exampleorgid/");
  EXPECT_FALSE(organization.is_flat);
  EXPECT_EQ(below("AWSLogs/o-exampleorgid/123456789012/").prefix,
            "AWSLogs/o-exampleorgid/123456789012/vpcflowlogs/");
  EXPECT_TRUE(named_s3_folder("b", "AWSLogs/o-exampleorgid/123456789012/CloudTrail/").is_flat);
}

TEST(S3Folder, AwsLogsIsLookedForTwoFoldersDown) {
  const S3Folder top = named_s3_folder("b", "");
  EXPECT_EQ(s3_folder_below(named_s3_folder("b", "ne"), "net/").search_depth,
            named_s3_folder("b", "net/").search_depth);
  const auto first = s3_folder_below(top, "a/");
  const auto second = s3_folder_below(first, "a/b/");
  EXPECT_FALSE(top.is_flat);
  EXPECT_FALSE(first.is_flat);
  EXPECT_FALSE(second.is_flat);
  EXPECT_FALSE(s3_folder_below(second, "a/b/AWSLogs/").is_flat);
  EXPECT_TRUE(s3_folder_below(second, "a/b/c/").is_flat);
}

TEST(S3Folder, APrefixThatEndsWithinANameTellsNothing) {
  const S3Folder folder = named_s3_folder("b", std::string(kPlain) + "2024/0");
  EXPECT_FALSE(folder.is_flat);
  EXPECT_FALSE(folder.first_day);
  EXPECT_TRUE(folder.key.region.empty());
  EXPECT_EQ(s3_folder_below(folder, std::string(kPlain) + "2024/01/").first_day, day(2024, 1, 1));
}

}  // namespace
}  // namespace weir::logs
