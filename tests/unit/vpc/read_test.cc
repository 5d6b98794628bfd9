#include "vpc/read.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace weir::vpc {
namespace {

using testing::EndsWith;
using testing::StartsWith;

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
  const auto folder =
      std::filesystem::temp_directory_path() / ("weir-read-test" + std::to_string(getpid()));
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

TEST(ReadDescription, ErrorsAtTheTopAndAcrossKindsNameTheirPlaceToo) {
  EXPECT_EQ(read_description(R"({"Vpcs": 3})", "vpc.json").errors.front().message(),
            "vpc.json: Vpcs: is not a list");
  EXPECT_EQ(read_description("{}", "vpc.json").errors.front().message(),
            "vpc.json: has no VPC; give what `aws ec2 describe-vpcs` prints under \"Vpcs\"");
  EXPECT_EQ(read_description(" \n", "vpc.json").errors.front().message(),
            "vpc.json: is empty; give what `aws ec2 describe-…` prints");
  EXPECT_THAT(read_description("{\"Vpcs\": [}", "vpc.json").errors.front().message(),
              StartsWith("vpc.json: is not JSON: parse error at line 1, column 11: "));
  EXPECT_EQ(error_of(R"("NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1",)"
                     R"( "Associations": [{"SubnetId": "subnet-9"}]}])"),
            "vpc.json: NetworkAcls[0] (acl-1).Associations[0].SubnetId: subnet-9 is not described; "
            "add it to Subnets");
  EXPECT_EQ(
      error_of(R"("NetworkAcls": [)"
               R"({"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true},)"
               R"({"NetworkAclId": "acl-2", "VpcId": "vpc-1", "IsDefault": true}])"),
      "vpc.json: NetworkAcls[1] (acl-2).IsDefault: its VPC has a default network ACL already");
  EXPECT_EQ(
      read_description(
          R"({"Vpcs": [{"VpcId": "", "OwnerId": "123456789012", "CidrBlock": "10.0.0.0/8"}]})", "x")
          .errors.front()
          .message(),
      "x: Vpcs[0].VpcId: is empty");
}

TEST(ReadDescription, AMistakeIsToldOnce) {
  EXPECT_EQ(error_of(acl_entry(R"({"RuleNumber": "1", "RuleAction": "allow"})")),
            "vpc.json: NetworkAcls[0] (acl-1).Entries[0].RuleNumber: is not a whole number");
  EXPECT_EQ(
      read_description(
          R"({"Vpcs": [{"VpcId": "vpc-1", "OwnerId": "1", "CidrBlock": "10.0.0.0/33"}]})", "x")
          .errors.size(),
      2U);
  EXPECT_EQ(error_of(std::string(kSubnet) + ", " + kAcl +
                     R"(, "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1",)"
                     R"( "SubnetId": "subnet-1", "PrivateIpAddress": "10.0.1"}])"),
            "vpc.json: NetworkInterfaces[0] (eni-1).PrivateIpAddress: '10.0.1' is not an IPv4 "
            "address");
}

TEST(ReadDescription, AnIdThatWouldBreakARecordIsRefused) {
  for (const char* id : {"sg 1", "sg\\t1", "sg\\n1", "sg\\u001b[2J", "sg\u00e4"}) {
    EXPECT_THAT(error_of(R"("SecurityGroups": [{"GroupId": ")" + std::string(id) +
                         R"(", "VpcId": "vpc-1"}])"),
                EndsWith("cannot stand in a record; use letters, digits and dashes, as AWS does"))
        << id;
  }
}

TEST(ReadDescription, APrefixListWithoutEntriesIsMissedOnlyByARuleThatRefersToIt) {
  const std::string list = R"("PrefixLists": [{"PrefixListId": "pl-1", "MaxEntries": 3}])";
  EXPECT_TRUE(read(list).errors.empty());
  EXPECT_EQ(error_of(list + R"(, "SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1",)"
                            R"( "IpPermissions": [{"IpProtocol": "-1",)"
                            R"( "PrefixListIds": [{"PrefixListId": "pl-1"}]}]}])"),
            "vpc.json: SecurityGroups[0] (sg-1).IpPermissions[0].PrefixListIds[0].PrefixListId: "
            "the entries of pl-1 are not described; save what `aws ec2 "
            "get-managed-prefix-list-entries --prefix-list-id pl-1` prints as pl-1.json, in one "
            "folder with the rest");
}

TEST(ReadDescription, EntriesOfAPrefixListAreReadFromEachOfAwssOutputs) {
  const std::string group =
      R"("SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissions": [)"
      R"({"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": "pl-1"}]}]}])";
  const std::string managed = R"("PrefixLists": [{"PrefixListId": "pl-1", "AddressFamily": "IPv4",)"
                              R"( "State": "create-complete", "PrefixListName": "office"}])";
  const std::string entries = R"("Entries": [{"Cidr": "192.0.2.0/24", "Description": "here"},)"
                              R"( {"Cidr": "198.51.100.0/24"}])";
  const std::string cidrs = R"("PrefixLists": [{"PrefixListId": "pl-1", "PrefixListName": "s3",)"
                            R"( "Cidrs": ["198.51.100.0/24", "192.0.2.0/24"]}])";
  const auto folder =
      std::filesystem::temp_directory_path() / ("weir-prefix-list-test" + std::to_string(getpid()));
  using Files = std::vector<std::pair<std::string, std::string>>;
  for (const Files& files : {Files{{"lists", managed}, {"pl-1", entries}}, Files{{"lists", cidrs}},
                             Files{{"lists", cidrs}, {"pl-1", entries}, {"managed", managed}}}) {
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "a.json") << "{" << kVpc << ", " << group << "}";
    for (const auto& [name, json] : files) {
      std::ofstream(folder / (name + ".json")) << "{" << json << "}";
    }
    const Reading reading = read_description(folder);
    std::filesystem::remove_all(folder);
    ASSERT_TRUE(reading.errors.empty()) << reading.errors.front().message();
    ASSERT_EQ(reading.network.prefix_lists.size(), 1U);
    EXPECT_EQ(reading.network.prefix_lists[0].id, "pl-1");
    ASSERT_EQ(reading.network.prefix_lists[0].entries.size(), 2U);
    EXPECT_EQ(reading.network.prefix_lists[0].entries[1].to_string(), "198.51.100.0/24");
  }
}

TEST(ReadDescription, EntriesThatBelongToNoOneListAreRefused) {
  const std::string entries = R"("Entries": [{"Cidr": "192.0.2.0/24"}])";
  EXPECT_EQ(error_of(entries),
            "vpc.json: Entries: do not tell of which prefix list they are; name the file by it, as "
            "in pl-0123456789abcdef0.json");
  EXPECT_EQ(error_of(R"("PrefixLists": [{"PrefixListId": "pl-1", "Cidrs": ["192.0.2.0/24"]},)"
                     R"( {"PrefixListId": "pl-1", "Entries": []}])"),
            "vpc.json: PrefixLists[1] (pl-1).Entries: pl-1 is described twice, and not alike");
  EXPECT_EQ(error_of(R"("PrefixLists": [{"PrefixListId": "pl-1", "Cidrs": ["192.0.2.0"]}])"),
            "vpc.json: PrefixLists[0] (pl-1).Cidrs[0]: '192.0.2.0' is not a CIDR block");
}

TEST(ReadDescription, AGroupOfAPeerMatchesNobodyAndOneOfOurOwnIsMissed) {
  const auto pair = [](const std::string& reference) {
    return R"("SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissions": [)"
           R"({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-zz")" +
           reference + "}]}]}]";
  };
  const auto with_id = [](const std::string& reference) {
    return R"("SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1"}], "SecurityGroupRules": [)"
           R"({"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-1", "GroupOwnerId": "123456789012",)"
           R"( "IpProtocol": "-1", "ReferencedGroupInfo": {"GroupId": "sg-zz")" +
           reference + "}}]";
  };
  const std::string peer =
      R"(, "UserId": "210987654321", "VpcId": "vpc-9", "VpcPeeringConnectionId": "pcx-1")";
  for (const std::string& reference :
       {peer, std::string(R"(, "VpcPeeringConnectionId": "pcx-1")"),
        std::string(R"(, "UserId": "210987654321")"), std::string(R"(, "VpcId": "vpc-9")")}) {
    for (const std::string& json : {pair(reference), with_id(reference)}) {
      const Reading reading = read(json);
      ASSERT_TRUE(reading.errors.empty()) << reading.errors.front().message();
      const auto& rules = reading.network.security_groups[0].ingress;
      ASSERT_EQ(rules.size(), 1U);
      EXPECT_EQ(std::get<ForeignGroup>(rules[0].peer).id, "sg-zz");
    }
  }
  const std::string own = R"(, "UserId": "123456789012", "VpcId": "vpc-1")";
  EXPECT_THAT(error_of(pair(own)),
              EndsWith("GroupId: sg-zz is not described; add it to SecurityGroups"));
  EXPECT_THAT(error_of(with_id(own)),
              EndsWith("GroupId: sg-zz is not described; add it to SecurityGroups"));
}

TEST(ReadDescription, RulesInBothFormsSayTheSame) {
  const auto both = [](const std::string& permission, const std::string& rule) {
    return R"("SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissions": [)" +
           permission + R"(], "IpPermissionsEgress": []}], "SecurityGroupRules": [)" + rule + "]";
  };
  const std::string ssh =
      R"({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]})";
  const std::string ssh_rule =
      R"({"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 22,)"
      R"( "ToPort": 22, "CidrIpv4": "10.0.0.0/8"})";
  const std::string every = R"({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]})";
  const std::string every_rule =
      R"({"SecurityGroupRuleId": "sgr-2", "GroupId": "sg-1", "IpProtocol": "-1", "FromPort": -1,)"
      R"( "ToPort": -1, "CidrIpv4": "0.0.0.0/0"})";
  const Reading reading = read(both(ssh + ", " + every, every_rule + ", " + ssh_rule));
  ASSERT_TRUE(reading.errors.empty()) << reading.errors.front().message();
  EXPECT_EQ(reading.network.security_groups[0].ingress[0].id, "sgr-2");
  EXPECT_EQ(error_of(both(ssh, every_rule + ", " + ssh_rule)),
            "vpc.json: SecurityGroups[0] (sg-1).IpPermissions: lacks rule sgr-2 of "
            "SecurityGroupRules; let both say the same, or leave one of them out");
  EXPECT_EQ(error_of(both(ssh + ", " + every, ssh_rule)),
            "vpc.json: SecurityGroups[0] (sg-1).IpPermissions: its rule 2 is not in "
            "SecurityGroupRules; let both say the same, or leave one of them out");
  EXPECT_THAT(
      error_of(both(ssh, R"({"IsEgress": true, )" + every_rule.substr(1) + ", " + ssh_rule)),
      StartsWith("vpc.json: SecurityGroups[0] (sg-1).IpPermissionsEgress: lacks rule sgr-2"));
}

TEST(ReadDescription, WhatAwsDoesNotAcceptIsRefused) {
  EXPECT_EQ(error_of(acl_entry(R"({"RuleNumber": 1, "Protocol": "-1", "RuleAction": "allow",)"
                               R"( "CidrBlock": "0.0.0.0/0", "Ipv6CidrBlock": "::/0"})")),
            "vpc.json: NetworkAcls[0] (acl-1).Entries[0].Ipv6CidrBlock: stands beside a CidrBlock; "
            "make two entries of it");
  EXPECT_EQ(
      error_of(acl_entry(R"({"RuleNumber": 1, "Protocol": "6", "RuleAction": "allow",)"
                         R"( "CidrBlock": "0.0.0.0/0", "PortRange": {}})")),
      "vpc.json: NetworkAcls[0] (acl-1).Entries[0].PortRange.From: is missing; every port is 0 "
      "to 65535");
  for (const char* protocol : {"tcp", "udp", "6"}) {
    EXPECT_EQ(
        error_of(R"("SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1",)"
                 R"( "IpPermissions": [{"IpProtocol": ")" +
                 std::string(protocol) + R"(", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}])"),
        "vpc.json: SecurityGroups[0] (sg-1).IpPermissions[0].FromPort: is missing; every port "
        "is 0 to 65535");
  }
}

TEST(ReadDescription, ABlockOutsideTheVpcIsNamedByItsOwnField) {
  const auto subnet = [](const std::string& rest) {
    return std::string(kAcl) + R"(, "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1",)" +
           rest + "}]";
  };
  EXPECT_EQ(error_of(subnet(R"("CidrBlock": "10.0.1.0/24", "Ipv6CidrBlockAssociationSet":)"
                            R"( [{"Ipv6CidrBlock": "2001:db8::/64"}])")),
            "vpc.json: Subnets[0] (subnet-1).Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock: "
            "2001:db8::/64 is outside vpc-1");
  EXPECT_EQ(error_of(subnet(R"("CidrBlock": "10.1.1.0/24")")),
            "vpc.json: Subnets[0] (subnet-1).CidrBlock: 10.1.1.0/24 is outside vpc-1");
}

TEST(ReadDescription, ANumberThatFitsNowhereIsNoWildcard) {
  EXPECT_EQ(
      error_of(R"("SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissions": [)"
               R"({"IpProtocol": "tcp", "FromPort": 18446744073709551615, "ToPort": -1,)"
               R"( "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}])"),
      "vpc.json: SecurityGroups[0] (sg-1).IpPermissions[0].FromPort: is not a number that fits");
}

TEST(ReadDescription, RulesWithIdsNameTheirPeersInEachForm) {
  const Reading reading = read(
      R"("PrefixLists": [{"PrefixListId": "pl-1", "Entries": [{"Cidr": "192.0.2.0/24"}]}],)"
      R"("SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1"}], "SecurityGroupRules": [)"
      R"({"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-1", "IsEgress": false, "IpProtocol": "tcp",)"
      R"( "FromPort": 22, "ToPort": 22, "CidrIpv4": "10.0.0.0/8"},)"
      R"({"SecurityGroupRuleId": "sgr-2", "GroupId": "sg-1", "IsEgress": true, "IpProtocol": "-1",)"
      R"( "FromPort": -1, "ToPort": -1, "CidrIpv6": "::/0"},)"
      R"({"SecurityGroupRuleId": "sgr-3", "GroupId": "sg-1", "IpProtocol": "udp", "FromPort": 53,)"
      R"( "ToPort": 53, "PrefixListId": "pl-1"},)"
      R"({"SecurityGroupRuleId": "sgr-4", "GroupId": "sg-1", "IpProtocol": "icmp", "FromPort": 8,)"
      R"( "ToPort": -1, "ReferencedGroupInfo": {"GroupId": "sg-1"}}])");
  ASSERT_TRUE(reading.errors.empty()) << reading.errors.front().message();
  const SecurityGroup& group = reading.network.security_groups[0];
  ASSERT_EQ(group.ingress.size(), 3U);
  ASSERT_EQ(group.egress.size(), 1U);
  EXPECT_EQ(std::get<base::Prefix>(group.ingress[0].peer).to_string(), "10.0.0.0/8");
  EXPECT_EQ(std::get<base::Prefix>(group.egress[0].peer).to_string(), "::/0");
  EXPECT_EQ(std::get<PrefixListIndex>(group.ingress[1].peer), PrefixListIndex{0});
  EXPECT_EQ(std::get<SecurityGroupIndex>(group.ingress[2].peer), SecurityGroupIndex{0});
  EXPECT_EQ(group.ingress[2].traffic.icmp_type, 8);
  EXPECT_FALSE(group.ingress[2].traffic.icmp_code);
}

TEST(ReadDescription, AllErrorsAreFoundNotOnlyTheFirst) {
  EXPECT_EQ(read(R"("SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-2"}, {"VpcId": "vpc-1"}])")
                .errors.size(),
            2U);
  EXPECT_EQ(read_description(
                R"({"Vpcs": [{"VpcId": "vpc-1", "OwnerId": 7, "CidrBlock": "10.0.0.0/8"}]})", "x")
                .errors.size(),
            1U);
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
