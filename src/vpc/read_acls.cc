// Network ACLs: numbered entries, and the subnets that they are associated with.
#include <algorithm>

#include "vpc/description.h"
#include "vpc/traffic.h"

namespace weir::vpc {
namespace {

using base::Family;

constexpr std::int64_t kLastRuleNumber = 32766;
/// The closing `*` entries, as describe-network-acls prints them (facts/flow-logs.md §8.3).
constexpr std::int64_t kClosingIpv4 = 32767;
constexpr std::int64_t kClosingIpv6 = 32768;

void read_entry(const JsonObject& object, NetworkAcl& acl) {
  const auto number = object.required_integer("RuleNumber");
  if (!number) return;
  const std::string action = object.required_text("RuleAction");
  if (action.empty()) return;
  if (action != "allow" && action != "deny") {
    return object.fail("RuleAction", "'" + action + "' is neither allow nor deny");
  }
  if (*number == kClosingIpv4 || *number == kClosingIpv6) {
    if (action == "allow") object.fail("RuleAction", "the closing rule * always denies");
    return;
  }
  if (*number < 1 || *number > kLastRuleNumber) {
    return object.fail("RuleNumber", std::to_string(*number) + " is outside 1-32766");
  }
  NetworkAclEntry entry;
  entry.number = static_cast<std::uint16_t>(*number);
  entry.allow = action == "allow";
  const bool is_ipv6 = !object.text("Ipv6CidrBlock").empty();
  if (!is_ipv6 && !object.has("CidrBlock")) {
    return object.fail("CidrBlock", "is missing", "give CidrBlock or Ipv6CidrBlock");
  }
  if (is_ipv6 && object.has("CidrBlock")) {
    return object.fail("Ipv6CidrBlock", "stands beside a CidrBlock", "make two entries of it");
  }
  if (auto peer = is_ipv6 ? read_block(object, "Ipv6CidrBlock", Family::ipv6)
                          : read_block(object, "CidrBlock", Family::ipv4)) {
    entry.peer = *peer;
  }
  entry.traffic = read_acl_traffic(object, is_ipv6);
  auto& entries = object.boolean("Egress") ? acl.egress : acl.ingress;
  if (std::any_of(entries.begin(), entries.end(),
                  [&](const auto& other) { return other.number == entry.number; })) {
    return object.fail("RuleNumber", std::to_string(*number) + " is used twice in this direction");
  }
  entries.push_back(entry);
}

}  // namespace

void read_network_acls(Description& description) {
  auto& acls = description.network.network_acls;
  Description::Ids<NetworkAclIndex> ids;
  for (JsonObject& object : description.all("NetworkAcls")) {
    auto id = Description::register_id(object, "NetworkAclId", ids, acls.size());
    if (!id) continue;
    const auto index = static_cast<NetworkAclIndex>(acls.size());
    NetworkAcl acl;
    acl.id = *id;
    acl.is_default = object.boolean("IsDefault");
    if (auto vpc = Description::refer(object, "VpcId", description.vpcs, "Vpcs")) {
      acl.vpc = *vpc;
      if (acl.is_default && !description.default_acls.emplace(*vpc, index).second) {
        object.fail("IsDefault", "its VPC has a default network ACL already");
      }
    }
    for (const JsonObject& entry : object.objects("Entries")) read_entry(entry, acl);
    for (auto* entries : {&acl.ingress, &acl.egress}) {
      std::sort(entries->begin(), entries->end(),
                [](const auto& a, const auto& b) { return a.number < b.number; });
    }
    for (const JsonObject& association : object.objects("Associations")) {
      const std::string subnet = association.required_text("SubnetId");
      const Description::AclAssociation here{index, association};
      if (!subnet.empty() && !description.associations.emplace(subnet, here).second) {
        association.fail("SubnetId", subnet + " has two network ACLs");
      }
    }
    acls.push_back(std::move(acl));
  }
}

}  // namespace weir::vpc
