#include "vpc/read.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace weir::vpc {
namespace {

constexpr const char* kVpc =
    R"("Vpcs": [{"VpcId": "vpc-1", "OwnerId": "123456789012", "CidrBlock": "10.0.0.0/16"}])";
constexpr const char* kSubnet =
    R"("Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24"}])";
constexpr const char* kAcl =
    R"("NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true, "Entries": []}])";

Reading read(const std::string& rest) {
  return read_description("{" + std::string(kVpc) + ", " + rest + "}", "vpc.json");
}

/// The one thing that is wrong.
std::string error_of(const std::string& rest) {
  const Reading reading = read(rest);
  if (reading.errors.size() != 1) return std::to_string(reading.errors.size()) + " errors";
  return reading.errors.front().message();
}

std::string acl_entry(const std::string& entry) {
  return R"("NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1", "Entries": [)" + entry +
         "]}]";
}

TEST(ReadDescription, TheDemosIsSound) {
  const Reading reading =
      read_description(std::filesystem::path(WEIR_SOURCE_DIR) / "demo" / "vpc.json");
  ASSERT_TRUE(reading.errors.empty()) << reading.errors.front().message();
  const Network& network = reading.network;
  ASSERT_EQ(network.interfaces.size(), 3U);
  EXPECT_EQ(network.interfaces[0].device, "eth0");
  EXPECT_EQ(network.interfaces[0].network_namespace, "weir-demo-web");
  const auto owners = network.owners(*base::Address::parse("10.20.2.30"));
  ASSERT_EQ(owners.size(), 1U);
  EXPECT_EQ(network[owners[0]].name, "db");
  // The closing entries, 32767 and 32768, are not rules.
  EXPECT_EQ(network[network[network.interfaces[0].subnet].network_acl].egress.size(), 2U);
}

TEST(ReadDescription, RulesWithoutIdsAreNumberedFromOnePeerByPeer) {
  const Reading reading =
      read(R"("SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissions": [
      {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}, {"CidrIp": "100.68.0.18/18"}]},
      {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-1"}]}]}])");
  ASSERT_TRUE(reading.errors.empty()) << reading.errors.front().message();
  const auto& rules = reading.network.security_groups[0].ingress;
  ASSERT_EQ(rules.size(), 3U);
  EXPECT_EQ(rules[1].id, "2");
  EXPECT_EQ(std::get<base::Prefix>(rules[1].peer).to_string(), "100.68.0.0/18");
  EXPECT_EQ(rules[2].id, "3");
  EXPECT_FALSE(rules[2].traffic.protocol);
}

TEST(ReadDescription, ASubnetWithoutAnAclOfItsOwnHasTheDefaultOne) {
  const Reading reading = read(std::string(kSubnet) + ", " + kAcl);
  ASSERT_TRUE(reading.errors.empty()) << reading.errors.front().message();
  EXPECT_EQ(reading.network[reading.network.subnets[0].network_acl].id, "acl-1");
}

TEST(ReadDescription, AFolderIsReadAsOne) {
  const auto folder = std::filesystem::temp_directory_path() / "weir-read-test";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "a.json") << "{" << kVpc << "}";
  std::ofstream(folder / "b.json") << "{" << kSubnet << ", " << kAcl << "}";
  const Reading reading = read_description(folder);
  std::filesystem::remove_all(folder);
  EXPECT_TRUE(reading.errors.empty());
  EXPECT_EQ(reading.network.subnets.size(), 1U);
}

TEST(ReadDescription, ErrorsNameFileObjectAndField) {
  EXPECT_EQ(
      error_of(acl_entry(
          R"({"RuleNumber": 40000, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"})")),
      "vpc.json: NetworkAcls[0] (acl-1).Entries[0].RuleNumber: 40000 is outside 1-32766");
  EXPECT_EQ(
      error_of(acl_entry(
          R"({"RuleNumber": 1, "Protocol": "6", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"})")),
      "vpc.json: NetworkAcls[0] (acl-1).Entries[0].PortRange: is missing; TCP and UDP entries need "
      "one");
  EXPECT_EQ(
      error_of(acl_entry(
          R"({"RuleNumber": 1, "Protocol": "-1", "RuleAction": "permit", "CidrBlock": "0.0.0.0/0"})")),
      "vpc.json: NetworkAcls[0] (acl-1).Entries[0].RuleAction: 'permit' is neither allow nor deny");
  EXPECT_EQ(error_of(R"("SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-2"}])"),
            "vpc.json: SecurityGroups[0] (sg-1).VpcId: vpc-2 is not described; add it to Vpcs");
  EXPECT_EQ(
      error_of(kSubnet),
      "vpc.json: Subnets[0] (subnet-1): no network ACL is associated with it and its VPC has no "
      "default one; add what `aws ec2 describe-network-acls` prints");
  EXPECT_EQ(
      error_of(std::string(kSubnet) + ", " + kAcl +
               R"(, "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1",)"
               R"( "PrivateIpAddress": "10.0.2.1"}])"),
      "vpc.json: NetworkInterfaces[0] (eni-1).PrivateIpAddress: 10.0.2.1 is outside subnet-1");
}

TEST(ReadDescription, AllErrorsAreFoundNotOnlyTheFirst) {
  EXPECT_EQ(read(R"("SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-2"}, {"VpcId": "vpc-1"}])")
                .errors.size(),
            2U);
}

TEST(ReadDescription, WhatIsNoJsonIsRefused) {
  for (const char* text : {"", "[]", "{", "hello", "{\"Vpcs\": 3}"}) {
    EXPECT_FALSE(read_description(text, "x").errors.empty()) << text;
  }
  EXPECT_FALSE(read_description(std::string(1'000'000, '['), "x").errors.empty());
}

TEST(RegionOf, IsTheZoneWithoutItsLetterOrCity) {
  EXPECT_EQ(region_of("us-east-1a"), "us-east-1");
  EXPECT_EQ(region_of("us-gov-west-1b"), "us-gov-west-1");
  EXPECT_EQ(region_of("us-west-2-lax-1a"), "us-west-2");
  EXPECT_EQ(region_of("nowhere"), "");
  EXPECT_EQ(region_of(""), "");
}

}  // namespace
}  // namespace weir::vpc
