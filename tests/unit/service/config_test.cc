#include "service/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace weir::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ConfigFile : public ::testing::Test {
 protected:
  base::Expected<Config> read(const std::string& text) {
    std::ofstream(path_) << text;
    return read_config(path_);
  }
  std::string error(const std::string& text) {
    const auto config = read(text);
    return config ? "" : config.error().message();
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::filesystem::path path_ =
      std::filesystem::path(::testing::TempDir()) / ("weir-" + std::to_string(getpid()) + ".toml");
};

constexpr const char* kLeast =
    "vpc = 'vpc.json'\n[[flow-log]]\nresource-type = 'VPC'\nresource-ids = ['vpc-1']\n"
    "log-destination = 'logs'\n";

TEST_F(ConfigFile, HasAwssDefaults) {
  const auto config = read(kLeast);
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->vpc, path_.parent_path() / "vpc.json");
  EXPECT_EQ(config->publish_interval, std::chrono::minutes(5));
  EXPECT_FALSE(config->metrics);
  EXPECT_EQ(config->state, path_.parent_path() / (path_.stem().string() + ".state"));
  ASSERT_EQ(config->flow_logs.size(), 1U);
  const FlowLogConfig& flow_log = config->flow_logs.front();
  EXPECT_EQ(flow_log.resource_type, ResourceType::vpc);
  EXPECT_THAT(flow_log.resource_ids, ElementsAre("vpc-1"));
  EXPECT_EQ(flow_log.log_destination, (path_.parent_path() / "logs").string());
  EXPECT_EQ(flow_log.settings.max_aggregation_interval, std::chrono::minutes(10));
  EXPECT_EQ(flow_log.settings.traffic_type, deliver::TrafficType::all);
  EXPECT_EQ(flow_log.settings.log_format.fields().size(), 14U);
}

TEST_F(ConfigFile, TakesEveryKey) {
  const auto config = read(
      "vpc = '/etc/net'\nip-ranges = 'ranges.json'\nstate = '/var/weir'\nuser = "
      "'weir'\npublish-interval = 1\nmetrics = '[::1]:9464'\n"
      "[capacity]\nflows = 4096\nipv6-flows = 2048\nconnections = 8192\n"
      "[[interface]]\nnetwork-interface-id = 'eni-1'\nmode = 'enforce'\n"
      "[[flow-log]]\nresource-type = 'NetworkInterface'\nresource-ids = ['eni-1', 'eni-2']\n"
      "log-destination = '/var/log/flows'\ntraffic-type = 'REJECT'\nmax-aggregation-interval = 60\n"
      "log-format = '${srcaddr} ${action}'\nflow-log-id = 'fl-0123456789abcdef0'\n"
      "region = 'eu-west-1'\n[flow-log.destination-options]\nfile-format = 'parquet'\n"
      "hive-compatible-partitions = true\nper-hour-partition = true\n");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->vpc, "/etc/net");
  EXPECT_EQ(config->state, "/var/weir");
  EXPECT_EQ(config->user, "weir");
  EXPECT_EQ(config->metrics, base::Endpoint::parse("[::1]:9464"));
  EXPECT_EQ(config->capacity.connections, 8192U);
  EXPECT_EQ(config->modes.at("eni-1"), live::Mode::enforce);
  const deliver::FlowLog& settings = config->flow_logs.front().settings;
  EXPECT_EQ(settings.id, "fl-0123456789abcdef0");
  EXPECT_EQ(settings.traffic_type, deliver::TrafficType::reject);
  EXPECT_EQ(settings.file_format, deliver::FileFormat::parquet);
  EXPECT_TRUE(settings.hive_compatible_partitions && settings.per_hour_partition);
}

TEST_F(ConfigFile, IsRefusedWithTheKeyThatIsWrong) {
  EXPECT_THAT(error("vpc = \n"), HasSubstr(path_.string() + ":1"));
  EXPECT_THAT(error("vpc = 'a'\n"), HasSubstr("flow-log: is missing"));
  EXPECT_THAT(error(std::string("vcp = 'a'\n") + kLeast), HasSubstr("vcp: is not known"));
  EXPECT_THAT(error(std::string("publish-interval = 301\n") + kLeast),
              HasSubstr("publish-interval: is 301; give 1 to 300"));
  EXPECT_THAT(
      error(std::string(kLeast) + "traffic-type = 'DROP'\n"),
      HasSubstr("flow-log[0].traffic-type: is 'DROP'; it may be one of ALL, ACCEPT, REJECT"));
  EXPECT_THAT(error(std::string(kLeast) + "log-format = '${srcadr}'\n"),
              HasSubstr("did you mean ${srcaddr}?"));
  EXPECT_THAT(error(std::string(kLeast) + "resource_ids = 1\n"),
              HasSubstr("resource_ids: is not known"));
  for (const std::string address : {"0.0.0.0:9464", "10.0.0.1:9464", "[::]:9464", "localhost:1"}) {
    EXPECT_THAT(
        error("metrics = '" + address + "'\n" + kLeast),
        HasSubstr("metrics: is '" + address + "'; give an address of this host's loopback"));
  }
  EXPECT_THAT(error(std::string("flow-log = 3\n")), HasSubstr("vpc: is missing"));
}

TEST_F(ConfigFile, TheExampleIsRight) {
  const auto config = read_config(WEIR_EXAMPLE);
  ASSERT_TRUE(config) << config.error().message();
}

TEST_F(ConfigFile, ABucketHasASpoolAndAWayThere) {
  const auto config = read(
      "vpc = 'v'\n[spool]\nfolder = 'waiting'\nmax-megabytes = 5\nretry-interval = 7\n"
      "[[flow-log]]\nresource-type = 'VPC'\nresource-ids = ['vpc-1']\n"
      "log-destination = 'arn:aws:s3:::logs/net/'\n[flow-log.remote]\n"
      "endpoint-url = 'http://h:1'\nprofile = 'p'\nca-bundle = 'ca.pem'\nsse = 'aws:kms'\n"
      "sse-kms-key-id = 'k'\ndelivery-principal = 'arn:aws:iam:::user/d'\n"
      "attach-bucket-policy = false\n");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->spool.folder, path_.parent_path() / "waiting");
  EXPECT_EQ(config->spool.bytes, 5U << 20U);
  EXPECT_EQ(config->spool.retry_interval, std::chrono::seconds(7));
  const FlowLogConfig& flow_log = config->flow_logs.at(0);
  EXPECT_EQ(flow_log.log_destination, "s3://logs/net");
  const RemoteConfig expected{"http://h:1", "p", (path_.parent_path() / "ca.pem").string(),
                              "aws:kms",    "k", "arn:aws:iam:::user/d",
                              false};
  EXPECT_EQ(flow_log.remote, expected);
}

TEST_F(ConfigFile, EventsHaveALogGroupOrADeliveryStream) {
  const std::string begin =
      "vpc = 'v'\n[[flow-log]]\nresource-type = 'VPC'\nresource-ids = ['vpc-1']\n";
  const auto logs = read(begin +
                         "log-group-name = '/flow'\n"
                         "deliver-logs-permission-arn = 'arn:aws:iam::1:role/r'\n"
                         "[flow-log.remote]\nendpoint-url = 'http://h:1'\n");
  ASSERT_TRUE(logs) << logs.error().message();
  const FlowLogConfig& group = logs->flow_logs.at(0);
  EXPECT_EQ(group.destination.type, deliver::LogDestinationType::cloud_watch_logs);
  EXPECT_EQ(group.log_destination, "log group /flow");
  EXPECT_EQ(group.destination.role_arn, "arn:aws:iam::1:role/r");
  EXPECT_EQ(group.remote.endpoint_url, "http://h:1");
  const std::string arn = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/flow";
  const auto firehose = read(begin + "log-destination = '" + arn + "'\n");
  ASSERT_TRUE(firehose) << firehose.error().message();
  const FlowLogConfig& stream = firehose->flow_logs.at(0);
  EXPECT_EQ(stream.destination.type, deliver::LogDestinationType::kinesis_data_firehose);
  EXPECT_EQ(stream.destination.region, "eu-west-1");
  EXPECT_EQ(stream.log_destination, arn);
}

TEST_F(ConfigFile, WhatIsOfOneKindOfDestinationIsRefusedOfAnother) {
  const std::string begin =
      "vpc = 'v'\n[[flow-log]]\nresource-type = 'VPC'\nresource-ids = ['vpc-1']\n";
  EXPECT_THAT(error(begin), HasSubstr("flow-log[0].log-destination: is missing"));
  EXPECT_THAT(error(begin + "log-group-name = '/flow'\n[flow-log.remote]\nsse = 'AES256'\n"),
              HasSubstr("flow-log[0].remote.sse: is not known"));
  EXPECT_THAT(error(begin + "log-group-name = '/flow'\n[flow-log.destination-options]\n"
                            "file-format = 'parquet'\n"),
              HasSubstr("destination-options: are about objects"));
  EXPECT_THAT(error(begin + "log-destination = 's3://logs'\n"
                            "deliver-logs-permission-arn = 'arn:aws:iam::1:role/r'\n"),
              HasSubstr("flow-log[0].deliver-logs-permission-arn: "));
  EXPECT_THAT(error(begin + "log-destination-type = 'sqs'\nlog-destination = 'x'\n"),
              HasSubstr("log-destination-type: is 'sqs'"));
}

TEST_F(ConfigFile, ABucketsNameIsChecked) {
  const std::string begin =
      "vpc = 'v'\n[[flow-log]]\nresource-type = 'VPC'\nresource-ids = ['vpc-1']\n";
  EXPECT_THAT(error(begin + "log-destination = 's3:///net'\n"), HasSubstr("names no bucket"));
  EXPECT_THAT(error(begin + "log-destination = 's3://logs/AWSLogs'\n"), HasSubstr("is reserved"));
  EXPECT_THAT(error(begin + "log-destination = 'arn:aws:sqs:::q'\n"), HasSubstr("names no bucket"));
  EXPECT_THAT(error(std::string(kLeast) + "[flow-log.remote]\nprofile = 'p'\n"),
              HasSubstr("is not about a folder"));
}

}  // namespace
}  // namespace weir::service
