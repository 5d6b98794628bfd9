// Security groups, their rules in both of AWS's forms, and the prefix lists that rules refer to.
#include <set>

#include "vpc/description.h"
#include "vpc/traffic.h"

namespace weir::vpc {
namespace {

using base::Family;
using base::Prefix;

constexpr const char* kLists = "PrefixLists, with its Entries";

using Peer = decltype(SecurityGroupRule::peer);

std::optional<Prefix> required_block(const JsonObject& object, const char* key, Family family) {
  if (object.required_text(key).empty()) return std::nullopt;
  return read_block(object, key, family);
}

/// The one peer of an object of SecurityGroupRules.
std::optional<Peer> read_peer(const Description& description, const JsonObject& object) {
  const auto given = [&object](const char* key) { return !object.text(key).empty(); };
  if (given("CidrIpv4")) return read_block(object, "CidrIpv4", Family::ipv4);
  if (given("CidrIpv6")) return read_block(object, "CidrIpv6", Family::ipv6);
  if (given("PrefixListId")) {
    return Description::refer(object, "PrefixListId", description.prefix_lists, kLists);
  }
  if (auto group = object.object("ReferencedGroupInfo")) {
    return Description::refer(*group, "GroupId", description.groups, "SecurityGroups");
  }
  object.fail("", "has no peer",
              "give one of CidrIpv4, CidrIpv6, PrefixListId, ReferencedGroupInfo");
  return std::nullopt;
}

/// SecurityGroupRules, one peer each; returns the groups that have some.
std::set<std::size_t> read_rules_with_ids(Description& description) {
  std::set<std::size_t> groups;
  Description::Ids<std::size_t> ids;
  for (JsonObject& object : description.all("SecurityGroupRules")) {
    auto id = Description::register_id(object, "SecurityGroupRuleId", ids, ids.size());
    auto index = Description::refer(object, "GroupId", description.groups, "SecurityGroups");
    if (!id || !index) continue;
    groups.insert(static_cast<std::size_t>(*index));
    auto peer = read_peer(description, object);
    if (!peer) continue;
    SecurityGroup& group = description.network.security_groups[static_cast<std::size_t>(*index)];
    auto& rules = object.boolean("IsEgress") ? group.egress : group.ingress;
    rules.push_back({*id, read_group_traffic(object), *peer, object.text("Description")});
  }
  return groups;
}

/// IpPermissions: each peer is a rule, numbered from 1 as AWS would list them.
void read_permissions(const Description& description, const JsonObject& group, const char* key,
                      std::vector<SecurityGroupRule>& rules) {
  for (const JsonObject& permission : group.objects(key)) {
    const TrafficClass traffic = read_group_traffic(permission);
    auto add = [&](const JsonObject& peer_object, auto peer) {
      if (!peer) return;
      rules.push_back(
          {std::to_string(rules.size() + 1), traffic, *peer, peer_object.text("Description")});
    };
    for (const JsonObject& peer : permission.objects("IpRanges")) {
      add(peer, required_block(peer, "CidrIp", Family::ipv4));
    }
    for (const JsonObject& peer : permission.objects("Ipv6Ranges")) {
      add(peer, required_block(peer, "CidrIpv6", Family::ipv6));
    }
    for (const JsonObject& peer : permission.objects("PrefixListIds")) {
      add(peer, Description::refer(peer, "PrefixListId", description.prefix_lists, kLists));
    }
    for (const JsonObject& peer : permission.objects("UserIdGroupPairs")) {
      add(peer, Description::refer(peer, "GroupId", description.groups, "SecurityGroups"));
    }
  }
}

}  // namespace

void read_prefix_lists(Description& description) {
  auto& lists = description.network.prefix_lists;
  for (JsonObject& object : description.all("PrefixLists")) {
    // describe-managed-prefix-lists prints lists without their entries, most of which no rule uses.
    if (!object.has("Entries")) continue;
    auto id =
        Description::register_id(object, "PrefixListId", description.prefix_lists, lists.size());
    if (!id) continue;
    PrefixList list{*id, object.text("PrefixListName"), {}};
    for (const JsonObject& entry : object.objects("Entries")) {
      const std::string text = entry.required_text("Cidr");
      if (auto prefix = Prefix::parse(text)) {
        list.entries.push_back(*prefix);
      } else if (!text.empty()) {
        entry.fail("Cidr", "'" + text + "' is not a CIDR block");
      }
    }
    lists.push_back(std::move(list));
  }
}

void read_security_groups(Description& description) {
  // Groups first, rules after: rules refer to other groups.
  auto& groups = description.network.security_groups;
  std::vector<std::pair<JsonObject, std::size_t>> described;
  for (JsonObject& object : description.all("SecurityGroups")) {
    auto id = Description::register_id(object, "GroupId", description.groups, groups.size());
    if (!id) continue;
    SecurityGroup group;
    group.id = *id;
    group.name = object.text("GroupName");
    if (auto vpc = Description::refer(object, "VpcId", description.vpcs, "Vpcs")) group.vpc = *vpc;
    described.emplace_back(object, groups.size());
    groups.push_back(std::move(group));
  }
  const std::set<std::size_t> have_ids = read_rules_with_ids(description);
  for (const auto& [object, place] : described) {
    if (have_ids.contains(place)) continue;
    read_permissions(description, object, "IpPermissions", groups[place].ingress);
    read_permissions(description, object, "IpPermissionsEgress", groups[place].egress);
  }
}

}  // namespace weir::vpc
