// Security groups, their rules in both of AWS's forms, and the prefix lists that rules refer to.
#include <algorithm>
#include <set>

#include "vpc/description.h"
#include "vpc/traffic.h"

namespace weir::vpc {
namespace {

using base::Family;
using base::Prefix;

using Peer = decltype(SecurityGroupRule::peer);
using Rules = std::vector<SecurityGroupRule>;

std::optional<Prefix> required_block(const JsonObject& object, const char* key, Family family) {
  if (object.required_text(key).empty()) return std::nullopt;
  return read_block(object, key, family);
}

std::optional<Peer> refer_to_list(const Description& description, const JsonObject& object) {
  const std::string id = object.required_text("PrefixListId");
  if (id.empty()) return std::nullopt;
  const auto found = description.prefix_lists.find(id);
  if (found != description.prefix_lists.end()) return found->second;
  object.fail("PrefixListId", "the entries of " + id + " are not described",
              "save what `aws ec2 get-managed-prefix-list-entries --prefix-list-id " + id +
                  "` prints as " + id + ".json, in one folder with the rest");
  return std::nullopt;
}

/// Where a group is at home.
struct Home {
  std::string vpc;
  std::string account;
};

Home home_of(const Network& network, VpcIndex vpc, const std::string& account) {
  if (network.vpcs.empty()) return {};
  return {network[vpc].id, account.empty() ? network[vpc].owner_id : account};
}

/// Who dumps one side of a peering cannot describe the other side's groups.
std::optional<Peer> refer_to_group(const Description& description, const JsonObject& object,
                                   const Home& home) {
  const auto is_elsewhere = [&object](const char* key, const std::string& own) {
    const std::string given = object.text(key);
    return !given.empty() && !own.empty() && given != own;
  };
  const std::string id = object.required_word("GroupId");
  if (id.empty()) return std::nullopt;
  if (!description.groups.contains(id) &&
      (object.has("VpcPeeringConnectionId") || is_elsewhere("VpcId", home.vpc) ||
       is_elsewhere("UserId", home.account))) {
    return ForeignGroup{id};
  }
  return Description::refer(object, "GroupId", description.groups, "SecurityGroups");
}

/// The one peer of an object of SecurityGroupRules.
std::optional<Peer> read_peer(const Description& description, const JsonObject& object,
                              VpcIndex vpc) {
  const auto given = [&object](const char* key) { return !object.text(key).empty(); };
  if (given("CidrIpv4")) return read_block(object, "CidrIpv4", Family::ipv4);
  if (given("CidrIpv6")) return read_block(object, "CidrIpv6", Family::ipv6);
  if (given("PrefixListId")) return refer_to_list(description, object);
  if (auto group = object.object("ReferencedGroupInfo")) {
    return refer_to_group(description, *group,
                          home_of(description.network, vpc, object.text("GroupOwnerId")));
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
    SecurityGroup& group = description.network.security_groups[static_cast<std::size_t>(*index)];
    auto peer = read_peer(description, object, group.vpc);
    if (!peer) continue;
    auto& rules = object.boolean("IsEgress") ? group.egress : group.ingress;
    rules.push_back({*id, read_group_traffic(object), *peer, object.text("Description")});
  }
  return groups;
}

/// IpPermissions: each peer is a rule, numbered from 1 as AWS would list them.
Rules read_permissions(const Description& description, const JsonObject& group, const Home& home,
                       const char* key) {
  Rules rules;
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
      add(peer, refer_to_list(description, peer));
    }
    for (const JsonObject& peer : permission.objects("UserIdGroupPairs")) {
      add(peer, refer_to_group(description, peer, home));
    }
  }
  return rules;
}

/// A group whose rules are described in both forms has the same ones in both.
void check_alike(const JsonObject& group, const char* key, const Rules& permitted,
                 const Rules& with_ids) {
  const auto lacks = [](const Rules& rules, const SecurityGroupRule& rule) {
    return std::none_of(rules.begin(), rules.end(), [&](const SecurityGroupRule& other) {
      return other.traffic == rule.traffic && other.peer == rule.peer;
    });
  };
  constexpr const char* kHint = "let both say the same, or leave one of them out";
  for (const SecurityGroupRule& rule : with_ids) {
    if (!lacks(permitted, rule)) continue;
    return group.fail(key, "lacks rule " + rule.id + " of SecurityGroupRules", kHint);
  }
  for (const SecurityGroupRule& rule : permitted) {
    if (!lacks(with_ids, rule)) continue;
    return group.fail(key, "its rule " + rule.id + " is not in SecurityGroupRules", kHint);
  }
}

/// describe-prefix-lists prints Cidrs, get-managed-prefix-list-entries Entries.
std::vector<Prefix> read_entries(const JsonObject& object) {
  std::vector<Prefix> entries;
  const auto add = [&](const JsonObject& at, const std::string& key, const std::string& text) {
    if (const auto prefix = Prefix::parse(text)) {
      entries.push_back(*prefix);
    } else if (!text.empty()) {
      at.fail(key, "'" + text + "' is not a CIDR block");
    }
  };
  for (const JsonObject& entry : object.objects("Entries")) {
    add(entry, "Cidr", entry.required_text("Cidr"));
  }
  const auto cidrs = object.texts("Cidrs");
  for (std::size_t i = 0; i < cidrs.size(); ++i) add(object, place_in("Cidrs", i), cidrs[i]);
  std::sort(entries.begin(), entries.end());
  return entries;
}

/// Several outputs may tell the entries of one list.
void add_prefix_list(Description& description, const JsonObject& object, const std::string& id) {
  auto& lists = description.network.prefix_lists;
  PrefixList list{id, object.text("PrefixListName"), read_entries(object)};
  const auto [known, is_new] =
      description.prefix_lists.emplace(id, static_cast<PrefixListIndex>(lists.size()));
  if (is_new) {
    lists.push_back(std::move(list));
  } else if (lists[static_cast<std::size_t>(known->second)].entries != list.entries) {
    object.fail(object.has("Entries") ? "Entries" : "Cidrs",
                id + " is described twice, and not alike");
  }
}

}  // namespace

void read_prefix_lists(Description& description) {
  for (JsonObject& object : description.all("PrefixLists")) {
    const std::string id = object.required_word("PrefixListId");
    object.call(id);
    // describe-managed-prefix-lists prints lists without their entries, most of which no rule uses.
    if (id.empty() || !(object.has("Entries") || object.has("Cidrs"))) continue;
    add_prefix_list(description, object, id);
  }
  for (const auto& [stem, object] : description.tops) {
    if (!object.has("Entries")) continue;
    if (!stem.starts_with("pl-")) {
      object.fail("Entries", "do not tell of which prefix list they are",
                  "name the file by it, as in pl-0123456789abcdef0.json");
      continue;
    }
    add_prefix_list(description, object, stem);
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
    SecurityGroup& group = groups[place];
    const Home home = home_of(description.network, group.vpc, object.text("OwnerId"));
    for (auto [key, rules] : {std::pair{"IpPermissions", &group.ingress},
                              std::pair{"IpPermissionsEgress", &group.egress}}) {
      if (!object.has(key)) continue;
      Rules permitted = read_permissions(description, object, home, key);
      if (!have_ids.contains(place)) {
        *rules = std::move(permitted);
      } else if (description.errors.empty()) {
        check_alike(object, key, permitted, *rules);
      }
    }
  }
}

}  // namespace weir::vpc
