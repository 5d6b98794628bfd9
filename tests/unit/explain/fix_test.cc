#include "explain/fix.h"

#include <gtest/gtest.h>

#include "vpc/read.h"

namespace weir::explain {
namespace {

/// An interface whose group allows nothing, behind an ACL with these entries.
struct World {
  explicit World(const std::string& entries) {
    network = vpc::read_description(
                  R"({"Vpcs": [{"VpcId": "vpc-1", "OwnerId": "123456789012",
                                "CidrBlock": "10.0.0.0/16",
                                "Ipv6CidrBlockAssociationSet":
                                    [{"Ipv6CidrBlock": "2001:db8::/56"}]}],
                      "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1",
                                   "CidrBlock": "10.0.0.0/24", "Ipv6CidrBlockAssociationSet":
                                       [{"Ipv6CidrBlock": "2001:db8::/64"}]}],
                      "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1",
                          "OwnerId": "123456789012", "SubnetId": "subnet-1",
                          "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.9",
                                                  "Primary": true}],
                          "Ipv6Addresses": [{"Ipv6Address": "2001:db8::9"}],
                          "Groups": [{"GroupId": "sg-1"}]}],
                      "SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1",
                          "IpPermissions": [], "IpPermissionsEgress": []}],
                      "NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1",
                          "IsDefault": true, "Entries": [)" +
                      entries + "]}]}",
                  "vpc.json")
                  .network;
    policy = *policy::Policy::compile(network);
  }

  [[nodiscard]] std::string fix(const weir_packet& packet, vpc::Direction direction,
                                bool is_tracked) const {
    return fix_for(network, policy, vpc::InterfaceIndex{}, direction, packet, is_tracked).commands;
  }

  vpc::Network network;
  policy::Policy policy;
};

weir_packet packet(const char* src, const char* dst, std::uint8_t protocol, std::uint16_t dstport) {
  const auto from = *base::Address::parse(src);
  weir_packet out{};
  out.src = packet::to_c(from);
  out.dst = packet::to_c(*base::Address::parse(dst));
  out.family = from.family() == base::Family::ipv4 ? WEIR_IPV4 : WEIR_IPV6;
  out.protocol = protocol;
  out.srcport = 40000;
  out.dstport = dstport;
  return out;
}

std::string acl_entry(int number, const char* action, const char* peer, const char* rest) {
  return R"({"RuleNumber": )" + std::to_string(number) + R"(, "RuleAction": ")" + action +
         R"(", "Egress": false, "CidrBlock": ")" + peer + "\", " + rest + "}";
}

constexpr const char* kAll = R"("Protocol": "-1")";
constexpr const char* kSsh = R"("Protocol": "6", "PortRange": {"From": 22, "To": 22})";
constexpr auto kIn = vpc::Direction::ingress;
constexpr auto kOut = vpc::Direction::egress;
const weir_packet kSshFromOutside = packet("203.0.113.7", "10.0.0.9", WEIR_TCP, 22);

TEST(Fix, OpensOnePortToOneAddress) {
  const World world(acl_entry(100, "allow", "0.0.0.0/0", kAll));
  EXPECT_EQ(world.fix(kSshFromOutside, kIn, false),
            "aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions "
            "'IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=203.0.113.7/32}]'");
}

TEST(Fix, NamesIpv6PeersAndWholeProtocols) {
  const World world(acl_entry(100, "allow", "0.0.0.0/0", kAll));
  EXPECT_EQ(world.fix(packet("2001:db8::9", "2001:db8::7", 47, 0), kOut, false),
            "aws ec2 authorize-security-group-egress --group-id sg-1 --ip-permissions "
            "'IpProtocol=47,FromPort=-1,ToPort=-1,Ipv6Ranges=[{CidrIpv6=2001:db8::7/128}]'");
}

TEST(Fix, TakesTheFreeNumberBeforeTheEntryThatDenies) {
  const World world(acl_entry(99, "allow", "198.51.100.0/24", kAll) + "," +
                    acl_entry(100, "deny", "203.0.113.0/24", kAll));
  EXPECT_EQ(world.fix(kSshFromOutside, kIn, true),
            "aws ec2 create-network-acl-entry --network-acl-id acl-1 --ingress --rule-number 98 "
            "--protocol 6 --port-range From=22,To=22 --cidr-block 203.0.113.7/32 --rule-action "
            "allow");
}

TEST(Fix, GoesAfterTheLastEntryWhereTheClosingOneDenies) {
  const World world(acl_entry(100, "allow", "198.51.100.0/24", kAll));
  EXPECT_NE(world.fix(kSshFromOutside, kIn, true).find("--rule-number 110 "), std::string::npos);
  const World full(acl_entry(32766, "allow", "198.51.100.0/24", kAll));
  EXPECT_NE(full.fix(kSshFromOutside, kIn, true).find("--rule-number 32765 "), std::string::npos);
}

TEST(Fix, ReplacesAnEntryThatDeniesNothingElse) {
  const World world(acl_entry(1, "deny", "203.0.113.7/32", kSsh));
  EXPECT_EQ(world.fix(kSshFromOutside, kIn, true),
            "aws ec2 replace-network-acl-entry --network-acl-id acl-1 --ingress --rule-number 1 "
            "--protocol 6 --port-range From=22,To=22 --cidr-block 203.0.113.7/32 --rule-action "
            "allow");
}

TEST(Fix, IsEmptyWhereNoNumberIsFree) {
  const World world(acl_entry(1, "deny", "203.0.113.0/24", kSsh));
  EXPECT_EQ(world.fix(kSshFromOutside, kIn, true), "");
}

TEST(Fix, OpensBothLayersWhereBothAreClosed) {
  const World world(acl_entry(100, "deny", "0.0.0.0/0", kAll));
  const std::string fix = world.fix(kSshFromOutside, kIn, false);
  EXPECT_NE(fix.find("authorize-security-group-ingress"), std::string::npos);
  EXPECT_NE(fix.find(" && aws ec2 create-network-acl-entry"), std::string::npos);
}

}  // namespace
}  // namespace weir::explain
