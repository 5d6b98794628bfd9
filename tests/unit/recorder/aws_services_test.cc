#include "recorder/aws_services.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace weir::recorder {
namespace {

namespace fs = std::filesystem;

base::Expected<AwsServices> read(const std::string& json) {
  const fs::path folder = fs::path(testing::TempDir()) / std::to_string(getpid());
  fs::create_directories(folder);
  const fs::path path = folder / "weir-ip-ranges.json";
  std::ofstream(path) << json;
  auto services = AwsServices::read(path);
  fs::remove_all(folder);
  return services;
}

std::string error_of(const std::string& json) {
  const auto services = read(json);
  if (services) return "no error";
  const std::string message = services.error().message();
  return message.substr(message.find("weir-ip-ranges.json"));
}

std::string prefix(const std::string& block, const std::string& service) {
  return R"({"ip_prefix": ")" + block + R"(", "service": ")" + service + R"("})";
}

TEST(AwsServices, TheMostSpecificRangeCountsAndOfEqualOnesTheNameThatSaysMost) {
  const auto services =
      read(R"({"prefixes": [)" + prefix("52.0.0.0/8", "S3") + "," +
           prefix("52.95.0.0/16", "AMAZON") + "," + prefix("52.95.128.0/21", "AMAZON") + "," +
           prefix("52.95.128.0/21", "DYNAMODB") + "," + prefix("52.95.128.0/21", "EC2") +
           R"(], "ipv6_prefixes": [{"ipv6_prefix": "2600:1f00::/24", "service": "EBS"}]})");
  ASSERT_TRUE(services) << services.error().message();
  const auto find = [&](const char* address) {
    return services->find(*base::Address::parse(address));
  };
  EXPECT_EQ(find("52.1.2.3"), "S3");
  EXPECT_EQ(find("52.95.0.1"), "AMAZON");
  EXPECT_EQ(find("52.95.135.255"), "DYNAMODB");
  EXPECT_EQ(find("52.95.136.0"), "AMAZON");
  EXPECT_EQ(find("53.0.0.0"), "");
  EXPECT_EQ(find("2600:1fff::1"), "EBS");
  EXPECT_EQ(find("2600:2000::1"), "");
}

TEST(AwsServices, WhatIsNotOfItsShapeIsRefusedWithItsPlace) {
  for (const char* json : {"", "[]", "{}", R"({"prefixes": 3})"}) {
    EXPECT_EQ(error_of(json),
              "weir-ip-ranges.json: is not AWS's ip-ranges.json; take it from "
              "https://ip-ranges.amazonaws.com/ip-ranges.json")
        << json;
  }
  EXPECT_EQ(error_of(R"({"prefixes": [7]})"),
            "weir-ip-ranges.json: prefixes[0]: lacks the text ip_prefix or service");
  EXPECT_EQ(error_of(R"({"prefixes": [)" + prefix("52.0.0.0/33", "S3") + "]}"),
            "weir-ip-ranges.json: prefixes[0]: '52.0.0.0/33' is not a CIDR block");
  for (const std::string name : {"", "A B", "A\\n"}) {
    EXPECT_NE(error_of(R"({"prefixes": [)" + prefix("52.0.0.0/8", name) + "]}")
                  .find("is no code of a service"),
              std::string::npos)
        << name;
  }
}

}  // namespace
}  // namespace weir::recorder
