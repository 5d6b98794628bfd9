#include "record/catalogue.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <set>

#include "record/text.h"
#include "samples.h"

namespace weir::record {
namespace {

/// One field as AWS documents it (facts/flow-logs.md §1.2), and what the two kinds of records
/// print.
struct Expectation {
  const char* name;
  int version;
  ParquetType type;
  const char* of_flow;  ///< in full_reject()
  const char* without;  ///< in NODATA and SKIPDATA records
};

constexpr auto kInt32 = ParquetType::int32;
constexpr auto kInt64 = ParquetType::int64;
constexpr auto kString = ParquetType::string;

constexpr std::array kExpectations = {
    Expectation{"version", 2, kInt32, "11", "11"},
    Expectation{"account-id", 2, kString, "123456789010", "123456789010"},
    Expectation{"interface-id", 2, kString, "eni-1235b8ca123456789", "eni-1235b8ca123456789"},
    Expectation{"srcaddr", 2, kString, "10.0.0.220", "-"},
    Expectation{"dstaddr", 2, kString, "52.95.128.179", "-"},
    Expectation{"srcport", 2, kInt32, "5001", "-"},
    Expectation{"dstport", 2, kInt32, "443", "-"},
    Expectation{"protocol", 2, kInt32, "6", "-"},
    Expectation{"packets", 2, kInt64, "7", "-"},
    Expectation{"bytes", 2, kInt64, "376", "-"},
    Expectation{"start", 2, kInt64, "1566848875", "1566848875"},
    Expectation{"end", 2, kInt64, "1566848933", "1566848933"},
    Expectation{"action", 2, kString, "REJECT", "-"},
    Expectation{"log-status", 2, kString, "OK", "its own"},
    Expectation{"vpc-id", 3, kString, "vpc-abcdefab012345678", "vpc-abcdefab012345678"},
    Expectation{"subnet-id", 3, kString, "subnet-aaaaaaaa012345678", "subnet-aaaaaaaa012345678"},
    Expectation{"instance-id", 3, kString, "i-01234567890123456", "i-01234567890123456"},
    Expectation{"tcp-flags", 3, kInt32, "18", "-"},
    Expectation{"type", 3, kString, "IPv4", "-"},
    Expectation{"pkt-srcaddr", 3, kString, "10.0.0.62", "-"},
    Expectation{"pkt-dstaddr", 3, kString, "52.95.128.179", "-"},
    Expectation{"region", 4, kString, "us-east-1", "us-east-1"},
    Expectation{"az-id", 4, kString, "use1-az2", "use1-az2"},
    Expectation{"sublocation-type", 4, kString, "outpost", "outpost"},
    Expectation{"sublocation-id", 4, kString, "op-0123456789abcdef0", "op-0123456789abcdef0"},
    Expectation{"pkt-src-aws-service", 5, kString, "EC2", "-"},
    Expectation{"pkt-dst-aws-service", 5, kString, "S3", "-"},
    Expectation{"flow-direction", 5, kString, "egress", "-"},
    Expectation{"traffic-path", 5, kInt32, "8", "-"},
    Expectation{"ecs-cluster-arn", 7, kString, "-", "-"},
    Expectation{"ecs-cluster-name", 7, kString, "-", "-"},
    Expectation{"ecs-container-instance-arn", 7, kString, "-", "-"},
    Expectation{"ecs-container-instance-id", 7, kString, "-", "-"},
    Expectation{"ecs-container-id", 7, kString, "-", "-"},
    Expectation{"ecs-second-container-id", 7, kString, "-", "-"},
    Expectation{"ecs-service-name", 7, kString, "-", "-"},
    Expectation{"ecs-task-definition-arn", 7, kString, "-", "-"},
    Expectation{"ecs-task-arn", 7, kString, "-", "-"},
    Expectation{"ecs-task-id", 7, kString, "-", "-"},
    Expectation{"reject-reason", 8, kString, "-", "-"},
    Expectation{"resource-id", 9, kString, "-", "-"},
    Expectation{"encryption-status", 10, kInt32, "-", "-"},
    Expectation{"instance-tag", 11, kString, "-", "-"},
    Expectation{"instance-tag-2", 11, kString, "-", "-"},
    Expectation{"interface-tag", 11, kString, "-", "-"},
    Expectation{"interface-tag-2", 11, kString, "-", "-"},
    Expectation{"asg-tag", 11, kString, "-", "-"},
    Expectation{"asg-tag-2", 11, kString, "-", "-"},
    Expectation{"interface-type", 11, kString, "-", "-"},
    Expectation{"next-hop-interface-id", 11, kString, "-", "-"},
    Expectation{"next-hop-subnet-id", 11, kString, "-", "-"},
    Expectation{"next-hop-az-id", 11, kString, "-", "-"},
    Expectation{"next-hop-vpc-id", 11, kString, "-", "-"},
    Expectation{"next-hop-interface-type", 11, kString, "-", "-"},
    Expectation{"weir-reject-cause", 0, kString, "NETWORK_ACL", "-"},
    Expectation{"weir-network-acl-rule", 0, kString, "acl-1:egress:*", "-"},
    Expectation{"weir-security-group-rule", 0, kString, "tracked", "-"},
};

/// Every field of the catalogue, in its order.
LogFormat every_field() {
  std::string text;
  for (const Field& field : catalogue()) text += "${" + std::string(field.name) + "} ";
  return LogFormat::parse(text).value();
}

std::string printed(const Field& field, const Record& record) {
  std::string out;
  append_value(out, value_of(field, record, every_field()));
  return out;
}

std::string printed(const char* name, const Record& record) {
  return printed(*find_field(name), record);
}

TEST(Catalogue, HoldsAwssFieldsInAwssOrderAndThenOurOwn) {
  ASSERT_EQ(catalogue().size(), kExpectations.size());
  for (std::size_t i = 0; i < kExpectations.size(); ++i) {
    const Field& field = catalogue()[i];
    EXPECT_EQ(field.name, kExpectations.at(i).name);
    EXPECT_EQ(field.version, kExpectations.at(i).version) << field.name;
    EXPECT_EQ(field.type, kExpectations.at(i).type) << field.name;
    EXPECT_EQ(static_cast<std::size_t>(field.id), i) << field.name;
    EXPECT_EQ(find_field(field.name), &field);
    EXPECT_FALSE(field.meaning.empty()) << field.name;
  }
  EXPECT_EQ(find_field("log_status"), nullptr);
}

TEST(Catalogue, EveryFieldPrintsItsValueOfAFlow) {
  for (std::size_t i = 0; i < kExpectations.size(); ++i) {
    EXPECT_EQ(printed(catalogue()[i], full_reject()), kExpectations.at(i).of_flow)
        << kExpectations.at(i).name;
  }
}

TEST(Catalogue, RecordsWithoutAFlowKeepWhatTheInterfaceIs) {
  for (const auto& [status, name] :
       {std::pair{LogStatus::nodata, "NODATA"}, std::pair{LogStatus::skipdata, "SKIPDATA"}}) {
    Record record = full_reject();  // what is left in `flow` must not show
    record.log_status = status;
    for (std::size_t i = 0; i < kExpectations.size(); ++i) {
      const Field& field = catalogue()[i];
      EXPECT_EQ(printed(field, record),
                field.id == FieldId::log_status ? name : kExpectations.at(i).without)
          << field.name;
    }
  }
}

TEST(Catalogue, WhatIsNotComputedIsADashAlways) {
  std::set<int> versions;
  for (const Field& field : catalogue()) {
    if (field.is_computed) continue;
    versions.insert(field.version);
    EXPECT_EQ(printed(field, full_reject()), "-") << field.name;
  }
  EXPECT_EQ(versions, (std::set{7, 8, 9, 10, 11}));
}

TEST(Catalogue, WhatAnInterfaceLacksIsADash) {
  Record record = full_reject();
  const InterfaceMetadata bare = bare_interface("123456789010", "eni-1");
  record.interface = &bare;
  for (const char* name : {"vpc-id", "subnet-id", "instance-id", "region", "az-id",
                           "sublocation-type", "sublocation-id"}) {
    EXPECT_EQ(printed(name, record), "-") << name;
  }
}

TEST(Catalogue, WhatAFlowLacksIsADash) {
  const Record record = tcp("10.0.0.1", 1, "10.0.0.2", 2, 1, 40, 0, 0);
  for (const char* name :
       {"pkt-src-aws-service", "pkt-dst-aws-service", "traffic-path", "weir-reject-cause",
        "weir-network-acl-rule", "weir-security-group-rule"}) {
    EXPECT_EQ(printed(name, record), "-") << name;
  }
}

TEST(Catalogue, TcpFlagsAreZeroForOtherProtocolsAndADashWhereTheyCannotBe) {
  Record record = full_reject();
  record.flow.tcp_flags = Flow::kTcpFlagsUnknown;
  EXPECT_EQ(printed("tcp-flags", record), "-");
  record.flow.tcp_flags = 0;
  EXPECT_EQ(printed("tcp-flags", record), "0");
  record.flow.protocol = 17;
  record.flow.tcp_flags = 18;
  EXPECT_EQ(printed("tcp-flags", record), "0");
}

TEST(Catalogue, TheFamilyOfTheAddressIsTheType) {
  Record record = full_reject();
  record.flow.srcaddr = address("2001:db8::1");
  EXPECT_EQ(printed("type", record), "IPv6");
}

TEST(Catalogue, EachActionDirectionAndCauseHasItsWord) {
  Record record = full_reject();
  record.flow.action = Action::accept;
  record.flow.direction = FlowDirection::ingress;
  EXPECT_EQ(printed("action", record), "ACCEPT");
  EXPECT_EQ(printed("flow-direction", record), "ingress");
  record.flow.reject_cause = RejectCause::security_group;
  EXPECT_EQ(printed("weir-reject-cause", record), "SECURITY_GROUP");
  record.flow.reject_cause = RejectCause::connection_closed;
  EXPECT_EQ(printed("weir-reject-cause", record), "CONNECTION_CLOSED");
}

TEST(Catalogue, TheLargestNumbersAreWrittenInFull) {
  Record record = full_reject();
  record.flow.bytes = std::numeric_limits<std::int64_t>::max();
  record.flow.srcport = 65535;
  record.flow.protocol = 255;
  EXPECT_EQ(printed("bytes", record), "9223372036854775807");
  EXPECT_EQ(printed("srcport", record), "65535");
  EXPECT_EQ(printed("protocol", record), "255");
}

}  // namespace
}  // namespace weir::record
