// What AWS's guides say of security groups, network ACLs and connection tracking, case by case
// (facts/flow-logs.md §8). The property test holds the evaluator to the same rules at random.
#include "policy/judge.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "vpc/read.h"

namespace weir::policy {
namespace {

using std::chrono::seconds;
using vpc::Direction;

constexpr const char* kHost = "10.0.1.5";
constexpr const char* kNeighbour = "10.0.1.9";  // in the host's subnet
constexpr const char* kElsewhere = "10.0.2.7";  // in another subnet, member of sg-peers
constexpr const char* kInternet = "203.0.113.12";

const char* const kAllowAllAcl = R"({"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow",
    "Egress": true, "CidrBlock": "0.0.0.0/0"}, {"RuleNumber": 100, "Protocol": "-1",
    "RuleAction": "allow", "Egress": false, "CidrBlock": "0.0.0.0/0"})";
const char* const kAllowAllOut = R"({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]})";

/// One host with its group and ACL, a neighbour, and an interface elsewhere.
class Host {
 public:
  Host(const std::string& ingress, const std::string& egress, const std::string& acl) {
    const std::string json =
        R"({"Vpcs": [{"VpcId": "vpc-1", "OwnerId": "123456789012", "CidrBlock": "10.0.0.0/16",
          "Ipv6CidrBlockAssociationSet": [{"Ipv6CidrBlock": "2001:db8::/56"}]}],
        "Subnets": [
          {"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24",
           "Ipv6CidrBlockAssociationSet": [{"Ipv6CidrBlock": "2001:db8::/64"}]},
          {"SubnetId": "subnet-2", "VpcId": "vpc-1", "CidrBlock": "10.0.2.0/24"}],
        "SecurityGroups": [
          {"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissions": [)" +
        ingress + R"(], "IpPermissionsEgress": [)" + egress + R"(]},
          {"GroupId": "sg-peers", "VpcId": "vpc-1"}],
        "NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true, "Entries": [)" +
        acl + R"(]}],
        "PrefixLists": [{"PrefixListId": "pl-1", "Entries": [{"Cidr": "203.0.113.0/28"}]}],
        "NetworkInterfaces": [
          {"NetworkInterfaceId": "eni-1", "VpcId": "vpc-1", "SubnetId": "subnet-1",
           "PrivateIpAddress": "10.0.1.5", "Ipv6Addresses": [{"Ipv6Address": "2001:db8::5"}],
           "Groups": [{"GroupId": "sg-1"}]},
          {"NetworkInterfaceId": "eni-2", "VpcId": "vpc-1", "SubnetId": "subnet-2",
           "PrivateIpAddress": "10.0.2.7", "Groups": [{"GroupId": "sg-peers"}],
           "Association": {"PublicIp": "198.51.100.7"}}]})";
    vpc::Reading reading = vpc::read_description(json, "test");
    EXPECT_TRUE(reading.errors.empty()) << reading.errors.front().message();
    network_ = std::move(reading.network);
    policy_.emplace(*Policy::compile(network_));
    judge_.emplace(*policy_, 1000);
  }

  struct Peer {
    std::string address = kInternet;
    std::uint16_t port = 0;
  };

  /// "ACCEPT sg-rule acl-rule" or "REJECT CAUSE sg-rule acl-rule"; "?" where a layer was not asked.
  std::string in(const Peer& from, std::uint16_t to, std::uint8_t protocol = WEIR_TCP,
                 std::uint8_t bits = WEIR_TCP_ACK) {
    return ask(Direction::ingress, packet(from.address, from.port, host_for(from), to), protocol,
               bits);
  }
  std::string out(std::uint16_t from, const Peer& to, std::uint8_t protocol = WEIR_TCP,
                  std::uint8_t bits = WEIR_TCP_ACK) {
    return ask(Direction::egress, packet(host_for(to), from, to.address, to.port), protocol, bits);
  }
  std::string icmp(Direction direction, std::uint8_t type, std::uint8_t code,
                   std::uint16_t id = 0) {
    weir_packet it = direction == Direction::ingress ? packet(kInternet, 0, kHost, 0)
                                                     : packet(kHost, 0, kInternet, 0);
    it.icmp_type = type;
    it.icmp_code = code;
    it.icmp_id = id;
    return ask(direction, it, WEIR_ICMP, 0);
  }
  void wait(seconds time) { now_ += time; }

 private:
  static std::string host_for(const Peer& peer) {
    return peer.address.find(':') == std::string::npos ? kHost : "2001:db8::5";
  }

  static weir_packet packet(const std::string& src, std::uint16_t srcport, const std::string& dst,
                            std::uint16_t dstport) {
    const base::Address from = *base::Address::parse(src);
    const base::Address to = *base::Address::parse(dst);
    weir_packet packet{};
    packet.src = {from.high, from.low};
    packet.dst = {to.high, to.low};
    packet.srcport = srcport;
    packet.dstport = dstport;
    packet.family = from.family() == base::Family::ipv4 ? WEIR_IPV4 : WEIR_IPV6;
    packet.bytes = 60;
    return packet;
  }

  std::string ask(Direction direction, weir_packet packet, std::uint8_t protocol,
                  std::uint8_t bits) {
    packet.protocol = protocol;
    packet.tcp_bits = protocol == WEIR_TCP ? bits : 0;
    Memo memo;
    const weir_verdict verdict =
        judge_->judge(vpc::InterfaceIndex{0}, direction, packet, now_, memo);
    std::string text = verdict.accept != 0 ? "ACCEPT" : "REJECT";
    if (verdict.cause == WEIR_CAUSE_SECURITY_GROUP) text += " SECURITY_GROUP";
    if (verdict.cause == WEIR_CAUSE_NETWORK_ACL) text += " NETWORK_ACL";
    if (verdict.cause == WEIR_CAUSE_CONNECTION_CLOSED) text += " CONNECTION_CLOSED";
    for (const std::uint32_t rule : {verdict.group_rule, verdict.acl_rule}) {
      const std::string_view name = policy_->rule_name(rule);
      text += ' ';
      text += name.empty() ? "?" : name;
    }
    if (verdict.unlogged != 0) text += " (unlogged)";
    return text;
  }

  vpc::Network network_;
  std::optional<Policy> policy_;
  std::optional<Judge> judge_;
  base::UnixMicros now_{seconds(1'700'000'000)};
};

std::string tcp_from(const std::string& peer, int port) {
  const std::string number = std::to_string(port);
  return R"({"IpProtocol": "tcp", "FromPort": )" + number + R"(, "ToPort": )" + number +
         R"(, "IpRanges": [{"CidrIp": ")" + peer + R"("}]})";
}

std::string entry(int number, bool egress, const std::string& action, const std::string& rest) {
  return R"({"RuleNumber": )" + std::to_string(number) + R"(, "Egress": )" +
         (egress ? "true" : "false") + R"(, "RuleAction": ")" + action + R"(", )" + rest + "}";
}

constexpr const char* kEverything = R"("Protocol": "-1", "CidrBlock": "0.0.0.0/0")";
constexpr const char* kTcp443 =
    R"("Protocol": "6", "CidrBlock": "0.0.0.0/0", "PortRange": {"From": 443, "To": 443})";

// §8.5, the table.

TEST(Case1, AnAllowedRequestAndItsReplyAreBothAccepted) {
  Host host(tcp_from("203.0.113.0/24", 443), kAllowAllOut, kAllowAllAcl);
  EXPECT_EQ(host.in({kInternet, 50000}, 443), "ACCEPT sg-1:ingress:1 acl-1:ingress:100");
  EXPECT_EQ(host.out(443, {kInternet, 50000}), "ACCEPT tracked acl-1:egress:100");
}

TEST(Case2, ARequestThatNoGroupAllowsIsOneReject) {
  Host host(tcp_from("0.0.0.0/0", 443), kAllowAllOut, kAllowAllAcl);
  EXPECT_EQ(host.in({kInternet, 50000}, 3389),
            "REJECT SECURITY_GROUP sg-1:ingress:* acl-1:ingress:100");
}

TEST(Case3, ARequestThatTheAclDeniesNeverReachesTheGroup) {
  Host host(tcp_from("0.0.0.0/0", 443), kAllowAllOut, entry(100, true, "allow", kEverything));
  EXPECT_EQ(host.in({kInternet, 50000}, 443), "REJECT NETWORK_ACL ? acl-1:ingress:*");
}

TEST(Case4, TheAclRefusesTheReplyOfAnAcceptedRequest) {
  Host host(R"({"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1,
      "IpRanges": [{"CidrIp": "0.0.0.0/0"}]})",
            kAllowAllOut, entry(100, false, "allow", kEverything));
  EXPECT_EQ(host.icmp(Direction::ingress, 8, 0, 7), "ACCEPT sg-1:ingress:1 acl-1:ingress:100");
  EXPECT_EQ(host.icmp(Direction::egress, 0, 0, 7), "REJECT NETWORK_ACL tracked acl-1:egress:*");
}

TEST(Case5, AReplyNeedsNoRuleOfItsOwn) {
  Host host(tcp_from("203.0.113.0/24", 443), "", kAllowAllAcl);
  EXPECT_EQ(host.in({kInternet, 50000}, 443), "ACCEPT sg-1:ingress:1 acl-1:ingress:100");
  EXPECT_EQ(host.out(443, {kInternet, 50000}), "ACCEPT tracked acl-1:egress:100");
}

TEST(Case6, ARequestOutThatNoGroupAllowsDoesNotReachTheAcl) {
  Host host("", tcp_from("0.0.0.0/0", 443), kAllowAllAcl);
  EXPECT_EQ(host.out(50000, {kInternet, 80}), "REJECT SECURITY_GROUP sg-1:egress:* ?");
}

TEST(Case7, ARequestOutThatTheAclDeniesIsOneReject) {
  Host host("", kAllowAllOut, entry(100, false, "allow", kEverything));
  EXPECT_EQ(host.out(50000, {kInternet, 443}), "REJECT NETWORK_ACL sg-1:egress:1 acl-1:egress:*");
}

TEST(Case8, TheAclRefusesTheReplyToAnAcceptedRequestOut) {
  // The seed article's: HTTPS out is allowed, the reply's ephemeral port is not.
  Host host("", kAllowAllOut,
            entry(100, true, "allow", kEverything) + "," + entry(100, false, "allow", kTcp443));
  EXPECT_EQ(host.out(49816, {kInternet, 443}), "ACCEPT sg-1:egress:1 acl-1:egress:100");
  EXPECT_EQ(host.in({kInternet, 443}, 49816), "REJECT NETWORK_ACL ? acl-1:ingress:*");
}

TEST(Case9, APacketAfterTheCloseIsRejectedThoughNoRuleChanged) {
  Host host("", tcp_from("0.0.0.0/0", 443), kAllowAllAcl);
  host.out(50000, {kInternet, 443}, WEIR_TCP, WEIR_TCP_SYN);
  host.in({kInternet, 443}, 50000, WEIR_TCP, WEIR_TCP_SYN | WEIR_TCP_ACK);
  host.out(50000, {kInternet, 443}, WEIR_TCP, WEIR_TCP_FIN | WEIR_TCP_ACK);
  host.in({kInternet, 443}, 50000, WEIR_TCP, WEIR_TCP_FIN | WEIR_TCP_ACK);
  EXPECT_EQ(host.in({kInternet, 443}, 50000), "ACCEPT tracked acl-1:ingress:100");  // the last ACK
  host.wait(seconds(11));
  EXPECT_EQ(host.in({kInternet, 443}, 50000),
            "REJECT CONNECTION_CLOSED sg-1:ingress:* acl-1:ingress:100");
}

TEST(Case9, APacketAfterTheExpiryIsRejected) {
  Host host("", R"({"IpProtocol": "udp", "FromPort": 53, "ToPort": 53,
      "IpRanges": [{"CidrIp": "0.0.0.0/0"}]})",
            kAllowAllAcl);
  host.out(50000, {kInternet, 53}, WEIR_UDP);
  host.wait(seconds(31));
  EXPECT_EQ(host.in({kInternet, 53}, 50000, WEIR_UDP),
            "REJECT SECURITY_GROUP sg-1:ingress:* acl-1:ingress:100");
}

TEST(Case12, InsideTheSubnetTheAclIsNotAsked) {
  Host host(tcp_from("10.0.0.0/8", 443), kAllowAllOut, "");  // only the closing denies
  EXPECT_EQ(host.in({kNeighbour, 50000}, 443), "ACCEPT sg-1:ingress:1 ?");
  EXPECT_EQ(host.in({kElsewhere, 50000}, 443), "REJECT NETWORK_ACL ? acl-1:ingress:*");
}

// §8.1, security groups.

TEST(SecurityGroup, AGroupAsPeerIsItsMembersPrivateAddresses) {
  Host host(R"({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-peers"}]})", "",
            kAllowAllAcl);
  EXPECT_EQ(host.in({kElsewhere, 1}, 22), "ACCEPT sg-1:ingress:1 acl-1:ingress:100");
  EXPECT_EQ(host.in({"198.51.100.7", 1}, 22),
            "REJECT SECURITY_GROUP sg-1:ingress:* acl-1:ingress:100");  // the member's public one
}

TEST(SecurityGroup, APrefixListMatchesAnyOfItsEntries) {
  Host host(R"({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
      "PrefixListIds": [{"PrefixListId": "pl-1"}]})",
            "", kAllowAllAcl);
  EXPECT_EQ(host.in({"203.0.113.15", 1}, 22), "ACCEPT sg-1:ingress:1 acl-1:ingress:100");
  EXPECT_EQ(host.in({"203.0.113.16", 1}, 22),
            "REJECT SECURITY_GROUP sg-1:ingress:* acl-1:ingress:100");
}

TEST(SecurityGroup, EveryIpv4AddressIsNoIpv6Address) {
  Host host(R"({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
      "IpRanges": [{"CidrIp": "0.0.0.0/0"}]})",
            "",
            R"({"RuleNumber": 101, "Protocol": "-1", "RuleAction": "allow", "Egress": false,
      "Ipv6CidrBlock": "::/0"})");
  EXPECT_EQ(host.in({"2001:db8:1::1", 1}, 22),
            "REJECT SECURITY_GROUP sg-1:ingress:* acl-1:ingress:101");
}

TEST(SecurityGroup, PortsOfOtherProtocolsThanTcpUdpAndIcmpAreIgnored) {
  Host host(R"({"IpProtocol": "132", "FromPort": 80, "ToPort": 80,
      "IpRanges": [{"CidrIp": "0.0.0.0/0"}]})",
            "", kAllowAllAcl);
  EXPECT_EQ(host.in({kInternet, 5000}, 9999, WEIR_SCTP), "ACCEPT sg-1:ingress:1 acl-1:ingress:100");
}

TEST(SecurityGroup, IcmpPortsAreTypeAndCode) {
  Host host(R"({"IpProtocol": "icmp", "FromPort": 3, "ToPort": 4,
      "IpRanges": [{"CidrIp": "0.0.0.0/0"}]})",
            "", kAllowAllAcl);
  EXPECT_EQ(host.icmp(Direction::ingress, 3, 4), "ACCEPT sg-1:ingress:1 acl-1:ingress:100");
  EXPECT_EQ(host.icmp(Direction::ingress, 3, 3),
            "REJECT SECURITY_GROUP sg-1:ingress:* acl-1:ingress:100");
}

TEST(SecurityGroup, WhatAwsNeverFiltersPasses) {
  Host host("", "", "");
  for (const char* metadata : {"169.254.169.254", "169.254.169.123"}) {
    EXPECT_EQ(host.out(50000,
                       {metadata, metadata == std::string("169.254.169.254") ? std::uint16_t{80}
                                                                             : std::uint16_t{123}},
                       metadata == std::string("169.254.169.254") ? WEIR_TCP : WEIR_UDP),
              "ACCEPT ? ? (unlogged)");
  }
  EXPECT_EQ(host.out(50000, {"10.0.0.2", 53}, WEIR_UDP), "ACCEPT ? ? (unlogged)");
}

// §8.2, connection tracking.

TEST(Tracking, ForEveryoneWithAnOpenWayBackIsUntrackedAndJudgedByTheOpenRule) {
  Host host(tcp_from("0.0.0.0/0", 80), kAllowAllOut, kAllowAllAcl);
  EXPECT_EQ(host.in({kInternet, 50000}, 80), "ACCEPT sg-1:ingress:1 acl-1:ingress:100");
  EXPECT_EQ(host.out(80, {kInternet, 50000}), "ACCEPT sg-1:egress:1 acl-1:egress:100");
}

TEST(Tracking, IcmpIsAlwaysTracked) {
  Host host(R"({"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1,
      "IpRanges": [{"CidrIp": "0.0.0.0/0"}]})",
            kAllowAllOut, kAllowAllAcl);
  host.icmp(Direction::ingress, 8, 0, 7);
  EXPECT_EQ(host.icmp(Direction::egress, 0, 0, 7), "ACCEPT tracked acl-1:egress:100");
}

TEST(Tracking, OtherProtocolsGoByAddressesForTenMinutes) {
  constexpr std::uint8_t kGre = 47;
  Host host("", kAllowAllOut, kAllowAllAcl);
  host.out(0, {kInternet, 0}, kGre);
  host.wait(seconds(600));
  EXPECT_EQ(host.in({kInternet, 0}, 0, kGre), "ACCEPT tracked acl-1:ingress:100");
  host.wait(seconds(601));
  EXPECT_EQ(host.in({kInternet, 0}, 0, kGre),
            "REJECT SECURITY_GROUP sg-1:ingress:* acl-1:ingress:100");
}

TEST(Tracking, AnEstablishedTcpConnectionLivesFiveDays) {
  Host host("", tcp_from("0.0.0.0/0", 443), kAllowAllAcl);
  host.out(50000, {kInternet, 443}, WEIR_TCP, WEIR_TCP_SYN);
  host.in({kInternet, 443}, 50000, WEIR_TCP, WEIR_TCP_SYN | WEIR_TCP_ACK);
  host.wait(seconds(432'000));
  EXPECT_EQ(host.in({kInternet, 443}, 50000), "ACCEPT tracked acl-1:ingress:100");
  host.wait(seconds(432'001));
  EXPECT_EQ(host.in({kInternet, 443}, 50000),
            "REJECT SECURITY_GROUP sg-1:ingress:* acl-1:ingress:100");
}

TEST(Tracking, AUdpExchangeLivesThirtySecondsAndAStreamThreeMinutes) {
  const std::string dns = R"({"IpProtocol": "udp", "FromPort": 53, "ToPort": 53,
      "IpRanges": [{"CidrIp": "0.0.0.0/0"}]})";
  Host exchange("", dns, kAllowAllAcl);
  exchange.out(50000, {kInternet, 53}, WEIR_UDP);
  exchange.in({kInternet, 53}, 50000, WEIR_UDP);
  exchange.wait(seconds(31));
  EXPECT_EQ(exchange.in({kInternet, 53}, 50000, WEIR_UDP),
            "REJECT SECURITY_GROUP sg-1:ingress:* acl-1:ingress:100");

  Host stream("", dns, kAllowAllAcl);
  for (int i = 0; i < 2; ++i) {
    stream.out(50000, {kInternet, 53}, WEIR_UDP);
    stream.in({kInternet, 53}, 50000, WEIR_UDP);
  }
  stream.wait(seconds(180));
  EXPECT_EQ(stream.in({kInternet, 53}, 50000, WEIR_UDP), "ACCEPT tracked acl-1:ingress:100");
  stream.wait(seconds(181));
  EXPECT_EQ(stream.in({kInternet, 53}, 50000, WEIR_UDP),
            "REJECT SECURITY_GROUP sg-1:ingress:* acl-1:ingress:100");
}

TEST(Tracking, WhatTheAclRefusedOpenedNoConnection) {
  Host host("", kAllowAllOut, entry(100, false, "allow", kEverything));
  host.out(50000, {kInternet, 443});  // refused by the ACL's egress
  EXPECT_EQ(host.in({kInternet, 443}, 50000),
            "REJECT SECURITY_GROUP sg-1:ingress:* acl-1:ingress:100");
}

// What changes of rules leave.

TEST(Policy, ARuleKeepsItsNumberInThePolicyThatIsCompiledNext) {
  const auto network = [](const std::string& permissions) {
    return vpc::read_description(R"({"Vpcs": [{"VpcId": "vpc-1", "OwnerId": "123456789012",
          "CidrBlock": "10.0.0.0/16"}],
        "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24"}],
        "SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissions": [)" +
                                     permissions + R"(]}],
        "NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true}],
        "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "VpcId": "vpc-1",
          "SubnetId": "subnet-1", "PrivateIpAddress": "10.0.1.5",
          "Groups": [{"GroupId": "sg-1"}]}]})",
                                 "test")
        .network;
  };
  weir_packet packet{};
  packet.src = packet::to_c(*base::Address::parse(kInternet));
  packet.dst = packet::to_c(*base::Address::parse(kHost));
  packet.protocol = WEIR_TCP;
  packet.dstport = 443;
  const auto group_rule = [&](const Policy& policy) {
    return policy.ask(vpc::InterfaceIndex{0}, packet, Direction::ingress).group_rule;
  };
  const auto before = *Policy::compile(network(tcp_from("0.0.0.0/0", 443)));
  const auto after = *Policy::compile(network(""), &before);
  const auto again = *Policy::compile(network(tcp_from("0.0.0.0/0", 443)), &after);
  EXPECT_EQ(before.rule_name(group_rule(before)), "sg-1:ingress:1");
  EXPECT_EQ(after.rule_name(group_rule(after)), "sg-1:ingress:*");
  EXPECT_EQ(after.rule_name(group_rule(before)), "sg-1:ingress:1");
  EXPECT_EQ(group_rule(again), group_rule(before));
}

// §8.3, network ACLs.

TEST(NetworkAcl, TheLowestNumberThatMatchesDecides) {
  Host host(tcp_from("0.0.0.0/0", 443), kAllowAllOut,
            entry(200, false, "allow", kTcp443) + "," +
                entry(100, false, "deny", R"("Protocol": "-1", "CidrBlock": "203.0.113.0/24")") +
                "," + entry(100, true, "allow", kEverything));
  EXPECT_EQ(host.in({kInternet, 50000}, 443), "REJECT NETWORK_ACL ? acl-1:ingress:100");
  EXPECT_EQ(host.in({"198.51.100.1", 50000}, 443), "ACCEPT sg-1:ingress:1 acl-1:ingress:200");
}

TEST(NetworkAcl, PortsAreThePacketsDestination) {
  Host host(tcp_from("203.0.113.0/24", 443), "",
            entry(100, false, "allow", kTcp443) + "," +
                entry(100, true, "allow",
                      R"("Protocol": "6", "CidrBlock": "0.0.0.0/0",
                         "PortRange": {"From": 32768, "To": 61000})"));
  EXPECT_EQ(host.in({kInternet, 61000}, 443), "ACCEPT sg-1:ingress:1 acl-1:ingress:100");
  EXPECT_EQ(host.out(443, {kInternet, 61000}), "ACCEPT tracked acl-1:egress:100");
  EXPECT_EQ(host.in({kInternet, 61001}, 443), "ACCEPT sg-1:ingress:1 acl-1:ingress:100");
  EXPECT_EQ(host.out(443, {kInternet, 61001}), "REJECT NETWORK_ACL tracked acl-1:egress:*");
}

TEST(NetworkAcl, EachFamilyHasItsOwnRules) {
  Host host(R"({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
      "Ipv6Ranges": [{"CidrIpv6": "::/0"}]})",
            "", entry(100, false, "allow", kEverything));
  EXPECT_EQ(host.in({"2001:db8:1::1", 1}, 22), "REJECT NETWORK_ACL ? acl-1:ingress:*");
  EXPECT_EQ(host.in({kInternet, 1}, 22), "ACCEPT sg-1:ingress:1 acl-1:ingress:100");
}

}  // namespace
}  // namespace weir::policy
