// Whose rules a policy has, and what they cost.
#include "policy/policy.h"

#include <gtest/gtest.h>

#include <string>

#include "vpc/read.h"

namespace weir::policy {
namespace {

using vpc::Direction;

constexpr vpc::InterfaceIndex kHere{0};
constexpr vpc::InterfaceIndex kThere{1};

/// eni-1 lets in members of sg-2, eni-2 is one; what eni-2 lets in is `rules`.
vpc::Network two_hosts(const std::string& rules, const std::string& tags_there = "") {
  vpc::Reading reading = vpc::read_description(
      R"({"Vpcs": [{"VpcId": "vpc-1", "OwnerId": "123456789012", "CidrBlock": "10.0.0.0/16"}],
        "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.0.0/24"}],
        "NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true}],
        "SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissions": [
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-2"}]}]},
          {"GroupId": "sg-2", "VpcId": "vpc-1", "IpPermissions": [)" +
          rules + R"(]}],
        "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "VpcId": "vpc-1",
            "SubnetId": "subnet-1", "PrivateIpAddress": "10.0.0.1", "Groups": [{"GroupId": "sg-1"}],
            "TagSet": [{"Key": "weir:device", "Value": "eth0"}]},
          {"NetworkInterfaceId": "eni-2", "VpcId": "vpc-1", "SubnetId": "subnet-1",
            "PrivateIpAddress": "10.0.0.2", "Groups": [{"GroupId": "sg-2"}],
            "TagSet": [)" +
          tags_there + "]}]}",
      "test");
  EXPECT_TRUE(reading.errors.empty()) << reading.errors.front().message();
  return std::move(reading.network);
}

std::string ssh_from(const std::string& block) {
  return R"({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": ")" +
         block + R"("}]})";
}

weir_opinion ask(const Policy& policy, vpc::InterfaceIndex interface, const char* src) {
  weir_packet packet{};
  packet.src = packet::to_c(*base::Address::parse(src));
  packet.dst = packet::to_c(*base::Address::parse("10.0.0.1"));
  packet.protocol = WEIR_TCP;
  packet.dstport = 22;
  return policy.ask(interface, packet, Direction::ingress);
}

TEST(Policy, RulesOfInterfacesWithoutADeviceAreLeftOutAndTheirAddressesAreStillMembers) {
  const auto policy = [](const std::string& rules) {
    return *Policy::compile(two_hosts(rules), nullptr, Scope::with_device);
  };
  std::string many = ssh_from("192.0.2.0/32");
  for (int i = 1; i < 200; ++i) many += "," + ssh_from("192.0.2." + std::to_string(i) + "/32");
  EXPECT_EQ(policy(many).arena().size(), policy(ssh_from("192.0.2.0/32")).arena().size());
  EXPECT_GT(Policy::compile(two_hosts(many))->arena().size(), policy(many).arena().size());
  const Policy here = policy(many);
  ASSERT_EQ(here.interfaces().size(), 2) << "they keep their indices";
  EXPECT_EQ(here.rule_name(ask(here, kHere, "10.0.0.2").group_rule), "sg-1:ingress:1");
  EXPECT_EQ(here.rule_name(ask(here, kHere, "10.0.0.3").group_rule), "sg-1:ingress:*");
}

TEST(Policy, AnInterfaceThatGetsADeviceGetsItsRulesAndTheOthersKeepTheirNumbers) {
  const auto before =
      *Policy::compile(two_hosts(ssh_from("192.0.2.0/24")), nullptr, Scope::with_device);
  const auto after = *Policy::compile(
      two_hosts(ssh_from("192.0.2.0/24"), R"({"Key": "weir:device", "Value": "eth1"})"), &before,
      Scope::with_device);
  EXPECT_EQ(ask(after, kHere, "10.0.0.2").group_rule, ask(before, kHere, "10.0.0.2").group_rule);
  EXPECT_EQ(after.rule_name(ask(after, kThere, "192.0.2.1").group_rule), "sg-2:ingress:1");
}

}  // namespace
}  // namespace weir::policy
