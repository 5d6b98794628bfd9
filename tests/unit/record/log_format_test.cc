#include "record/log_format.h"

#include <gtest/gtest.h>

#include <array>

namespace weir::record {
namespace {

constexpr std::string_view kAwsDefault =
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} "
    "${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";

/// What the console makes of "select all" in a log of version 5: the alphabet.
constexpr std::string_view kAlphabetical =
    "${account-id} ${action} ${az-id} ${bytes} ${dstaddr} ${dstport} ${end} ${flow-direction} "
    "${instance-id} ${interface-id} ${log-status} ${packets} ${pkt-dst-aws-service} "
    "${pkt-dstaddr} ${pkt-src-aws-service} ${pkt-srcaddr} ${protocol} ${region} ${srcaddr} "
    "${srcport} ${start} ${sublocation-id} ${sublocation-type} ${subnet-id} ${tcp-flags} "
    "${traffic-path} ${type} ${version} ${vpc-id}";

std::string refusal(std::string_view text) {
  const auto format = LogFormat::parse(text);
  return format ? "accepted: " + format->to_string() : format.error().message();
}

int version_of(std::string_view text) {
  return LogFormat::parse(text).value().version();
}

TEST(LogFormat, TheDefaultIsAwss) {
  EXPECT_EQ(LogFormat().to_string(), kAwsDefault);
  EXPECT_EQ(LogFormat::parse("default")->to_string(), kAwsDefault);
  EXPECT_EQ(LogFormat().version(), 2);
}

TEST(LogFormat, AllIsWhatCanBeKnownAndOurOwn) {
  const LogFormat all = LogFormat::parse("all").value();
  EXPECT_EQ(all.fields().size(), 29U + 1U + 3U);
  EXPECT_EQ(all.version(), 8);
  EXPECT_TRUE(all.has(FieldId::reject_reason));
  EXPECT_TRUE(all.has(FieldId::weir_security_group_rule));
  EXPECT_FALSE(all.has(FieldId::ecs_task_id));
  EXPECT_FALSE(all.has(FieldId::next_hop_vpc_id));
}

TEST(LogFormat, FieldsKeepTheOrderTheyAreGivenIn) {
  const LogFormat format = LogFormat::parse(kAlphabetical).value();
  EXPECT_EQ(format.to_string(), kAlphabetical);
  EXPECT_EQ(format.fields().size(), 29U);
  EXPECT_EQ(format.fields()[1]->id, FieldId::action);
}

TEST(LogFormat, SpacesAroundFieldsDoNotMatter) {
  EXPECT_EQ(LogFormat::parse("  ${srcaddr}   ${bytes} ")->to_string(), "${srcaddr} ${bytes}");
}

TEST(LogFormat, TheVersionIsTheHighestAmongItsFields) {
  EXPECT_EQ(version_of("${version} ${srcaddr}"), 2);
  EXPECT_EQ(version_of("${vpc-id} ${srcaddr}"), 3);
  EXPECT_EQ(version_of("${version} ${region} ${traffic-path} ${vpc-id}"), 5);
  EXPECT_EQ(version_of("${next-hop-vpc-id}"), 11);
  EXPECT_EQ(version_of("${weir-reject-cause}"), 2);
}

TEST(LogFormat, AnUnknownFieldIsNamedWithTheNearestKnownOne) {
  EXPECT_EQ(refusal("${version} ${srcadr}"),
            "--log-format: ${srcadr} is not a known field; did you mean ${srcaddr}?");
  EXPECT_EQ(refusal("${tcp_flags}"),
            "--log-format: ${tcp_flags} is not a known field; did you mean ${tcp-flags}?");
  EXPECT_EQ(refusal("${VERSION}"),
            "--log-format: ${VERSION} is not a known field; `weir fields` lists the fields");
  EXPECT_EQ(refusal("${" + std::string(100, 'a') + "}"),
            "--log-format: ${" + std::string(100, 'a') +
                "} is not a known field; `weir fields` lists the fields");
}

TEST(LogFormat, FieldsOfTransitGatewaysAreRefusedAsSuch) {
  constexpr std::array kNames = {"resource-type",
                                 "tgw-id",
                                 "tgw-attachment-id",
                                 "tgw-src-vpc-account-id",
                                 "tgw-dst-vpc-account-id",
                                 "tgw-src-vpc-id",
                                 "tgw-dst-vpc-id",
                                 "tgw-src-subnet-id",
                                 "tgw-dst-subnet-id",
                                 "tgw-src-eni",
                                 "tgw-dst-eni",
                                 "tgw-src-az-id",
                                 "tgw-dst-az-id",
                                 "tgw-pair-attachment-id",
                                 "packets-lost-no-route",
                                 "packets-lost-blackhole",
                                 "packets-lost-mtu-exceeded",
                                 "packets-lost-ttl-expired"};
  for (const std::string name : kNames) {
    const std::string what =
        "--log-format: ${" + name + "} is a field of transit gateway flow logs only; ";
    EXPECT_EQ(refusal("${version} ${" + name + "}").substr(0, what.size()), what);
  }
  EXPECT_EQ(refusal("${tgw-src-vpc-id}"),
            "--log-format: ${tgw-src-vpc-id} is a field of transit gateway flow logs only; did you "
            "mean ${vpc-id}?");
  EXPECT_EQ(refusal("${packets-lost-no-route}"),
            "--log-format: ${packets-lost-no-route} is a field of transit gateway flow logs only; "
            "leave it out");
}

TEST(LogFormat, NoFieldIsNamedTwice) {
  EXPECT_EQ(refusal("${srcaddr} ${bytes} ${srcaddr}"),
            "--log-format: ${srcaddr} is named twice; leave one out");
}

TEST(LogFormat, NothingStandsBetweenFields) {
  for (const std::string item :
       {"srcaddr", "$srcaddr", "{srcaddr}", "${srcaddr", "${}", ",", "${"}) {
    EXPECT_EQ(refusal("${version} " + item),
              "--log-format: '" + item +
                  "' is not of the form ${field}; write '${version} ${srcaddr} …', in single "
                  "quotes for the shell");
  }
  EXPECT_NE(refusal("${version}${srcaddr}").find("is not a known field"), std::string::npos);
  EXPECT_NE(refusal("${version}\n${srcaddr}").find("is not a known field"), std::string::npos);
}

TEST(LogFormat, NoFieldsAreNoFormat) {
  EXPECT_EQ(refusal(""), "--log-format: names no field; name at least one");
  EXPECT_EQ(refusal("   "), "--log-format: names no field; name at least one");
}

}  // namespace
}  // namespace weir::record
