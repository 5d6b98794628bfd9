#include "policy/policy.h"

#include <array>
#include <initializer_list>
#include <map>
#include <tuple>
#include <utility>

#include "policy/rule_set.h"

namespace weir::policy {

namespace {

using base::Family;
using base::Prefix;
using vpc::Direction;

constexpr std::array kDirections{Direction::ingress, Direction::egress};
constexpr std::array kFamilies{Family::ipv4, Family::ipv6};
constexpr std::size_t kMaxRules = std::size_t{WEIR_MAX_RULE_WORDS} * 64;

std::size_t index_of(Direction direction) {
  return static_cast<std::size_t>(direction);
}
std::size_t index_of(Family family) {
  return family == Family::ipv4 ? WEIR_IPV4 : WEIR_IPV6;
}

vpc::TrafficClass traffic(std::uint8_t protocol, std::uint16_t first, std::uint16_t last) {
  vpc::TrafficClass traffic;
  traffic.protocol = protocol;
  traffic.first_port = first;
  traffic.last_port = last;
  return traffic;
}

Prefix prefix(const char* text) {
  return *Prefix::parse(text);
}

/// The address `offset` after the first of an IPv4 block.
Prefix reserved_host(const Prefix& block, std::uint32_t offset) {
  return Prefix::host(base::Address::from_ipv4(block.address.ipv4() + offset));
}

}  // namespace

/// Turns a network into a policy; used once.
class Compiler {
 public:
  Compiler(const vpc::Network& network, const Policy* before, Scope scope)
      : network_(network), scope_(scope) {
    policy_.names_ = {"", "tracked"};
    if (before != nullptr) policy_.names_ = before->names_;
    for (std::uint32_t i = 0; i < policy_.names_.size(); ++i) numbers_[policy_.names_[i]] = i;
  }

  base::Expected<Policy> run() && {
    collect_group_members();
    for (const vpc::NetworkInterface& interface : network_.interfaces) {
      weir_interface& out = policy_.interfaces_.emplace_back();
      if (scope_ == Scope::with_device && interface.device.empty()) continue;
      if (auto done = compile_interface(interface, out); !done) {
        return tl::unexpected(done.error());
      }
    }
    return std::move(policy_);
  }

 private:
  /// Rules for both families.
  using FamilyRules = std::array<weir_rules, 2>;

  /// One number for one name, however many interfaces carry the group.
  std::uint32_t name(const std::string& text) {
    const auto next = static_cast<std::uint32_t>(policy_.names_.size());
    auto [place, is_new] = numbers_.try_emplace(text, next);
    if (is_new) policy_.names_.push_back(text);
    return place->second;
  }

  FamilyRules compile(const std::vector<CompilerRule>& rules, std::uint32_t fallback) {
    FamilyRules out;
    for (Family family : kFamilies) {
      out[index_of(family)] = compile_rules(rules, family, fallback, policy_.arena_);
    }
    return out;
  }

  void collect_group_members() {
    members_.resize(network_.security_groups.size());
    for (const vpc::NetworkInterface& interface : network_.interfaces) {
      for (vpc::SecurityGroupIndex group : interface.groups) {
        auto& members = members_[static_cast<std::size_t>(group)];
        for (const auto& address : interface.ipv4) members.push_back(Prefix::host(address));
        for (const auto& address : interface.ipv6) members.push_back(Prefix::host(address));
      }
    }
  }

  std::vector<Prefix> peers_of(const vpc::SecurityGroupRule& rule) const {
    if (const auto* block = std::get_if<Prefix>(&rule.peer)) return {*block};
    if (const auto* list = std::get_if<vpc::PrefixListIndex>(&rule.peer)) {
      return network_[*list].entries;
    }
    if (const auto* group = std::get_if<vpc::SecurityGroupIndex>(&rule.peer)) {
      return members_[static_cast<std::size_t>(*group)];
    }
    return {};
  }

  base::Expected<void> compile_interface(const vpc::NetworkInterface& interface,
                                         weir_interface& out) {
    const vpc::Subnet& subnet = network_[interface.subnet];
    for (Direction direction : kDirections) {
      auto groups = group_rules(interface, direction);
      if (!groups) return tl::unexpected(groups.error());
      auto acl = acl_rules(subnet.network_acl, direction);
      if (!acl) return tl::unexpected(acl.error());
      for (std::size_t family : {std::size_t{WEIR_IPV4}, std::size_t{WEIR_IPV6}}) {
        out.groups[index_of(direction)][family] = groups->rules[family];
        out.acl[index_of(direction)][family] = (*acl)[family];
        out.open[index_of(direction)][family][0] = groups->open[family][0];
        out.open[index_of(direction)][family][1] = groups->open[family][1];
      }
    }
    const FamilyRules& exempt = exempt_rules(interface.vpc);
    out.exempt[WEIR_IPV4] = exempt[WEIR_IPV4];
    out.exempt[WEIR_IPV6] = exempt[WEIR_IPV6];
    if (subnet.cidrs.size() > WEIR_MAX_SUBNET_BLOCKS) {
      return base::fail(subnet.id,
                        "has more than " + std::to_string(WEIR_MAX_SUBNET_BLOCKS) + " CIDR blocks");
    }
    for (const Prefix& block : subnet.cidrs) {
      base::Address ones = block.last();
      base::Address network = block.first();
      // What is the same in the first and in the last address is the mask.
      out.subnets[out.subnet_count++] = {packet::to_c(network),
                                         {~(network.high ^ ones.high), ~(network.low ^ ones.low)}};
    }
    return {};
  }

  struct GroupRules {
    FamilyRules rules;
    /// [family][TCP, UDP]: a rule for everyone and every port (facts/flow-logs.md §8.2).
    std::array<std::array<std::uint8_t, 2>, 2> open{};
  };

  base::Expected<GroupRules> group_rules(const vpc::NetworkInterface& interface,
                                         Direction direction) {
    auto [place, is_new] = groups_.try_emplace({interface.groups, direction});
    if (!is_new) return place->second;
    std::vector<CompilerRule> rules;
    std::string names;
    for (vpc::SecurityGroupIndex index : interface.groups) {
      const vpc::SecurityGroup& group = network_[index];
      names += (names.empty() ? "" : "+") + group.id;
      const std::string side = group.id + ":" + std::string(to_string(direction)) + ":";
      for (const auto& rule : direction == Direction::ingress ? group.ingress : group.egress) {
        rules.push_back({name(side + rule.id), true, rule.traffic, peers_of(rule)});
      }
    }
    // Interfaces that AWS runs (NAT gateways, …) may carry no group: then no group filters.
    const bool no_group = interface.groups.empty();
    if (no_group)
      rules.push_back({WEIR_RULE_NONE, true, {}, {prefix("0.0.0.0/0"), prefix("::/0")}});
    if (rules.size() > kMaxRules) {
      return base::fail(interface.id, "its security groups have " + std::to_string(rules.size()) +
                                          " rules for " + std::string(to_string(direction)) +
                                          ", more than " + std::to_string(kMaxRules));
    }
    std::uint32_t fallback =
        no_group ? WEIR_RULE_NONE : name(names + ":" + std::string(to_string(direction)) + ":*");
    place->second = {compile(rules, fallback), open_for_everyone(rules)};
    return place->second;
  }

  static std::array<std::array<std::uint8_t, 2>, 2> open_for_everyone(
      const std::vector<CompilerRule>& rules) {
    std::array<std::array<std::uint8_t, 2>, 2> open{};
    for (const CompilerRule& rule : rules) {
      if (!rule.traffic.is_every_port() || rule.traffic.icmp_type) continue;
      for (const Prefix& peer : rule.peers) {
        if (!peer.is_everything()) continue;
        const auto& protocol = rule.traffic.protocol;
        auto& of_family = open[index_of(peer.family)];
        if (!protocol || protocol == WEIR_TCP) of_family[0] = 1;
        if (!protocol || protocol == WEIR_UDP) of_family[1] = 1;
      }
    }
    return open;
  }

  base::Expected<FamilyRules> acl_rules(vpc::NetworkAclIndex index, Direction direction) {
    auto [place, is_new] = acls_.try_emplace({index, direction});
    if (!is_new) return place->second;
    const vpc::NetworkAcl& acl = network_[index];
    const std::string side = acl.id + ":" + std::string(to_string(direction)) + ":";
    const auto& entries = direction == Direction::ingress ? acl.ingress : acl.egress;
    if (entries.size() > kMaxRules) {
      return base::fail(acl.id, "has more than " + std::to_string(kMaxRules) + " entries for " +
                                    std::string(to_string(direction)));
    }
    std::vector<CompilerRule> rules;
    rules.reserve(entries.size());
    for (const vpc::NetworkAclEntry& entry : entries) {
      rules.push_back(
          {name(side + std::to_string(entry.number)), entry.allow, entry.traffic, {entry.peer}});
    }
    place->second = compile(rules, name(side + "*"));
    return place->second;
  }

  /// What AWS never filters (facts/flow-logs.md §8.1), by the far end's address and port; those
  /// that "allow" are never logged either (§7). IPv6's neighbour discovery and multicast listener
  /// messages are its ARP, and left out like ARP.
  const FamilyRules& exempt_rules(vpc::VpcIndex index) {
    auto [place, is_new] = exempt_.try_emplace(index);
    if (!is_new) return place->second;
    constexpr bool kUnlogged = true;
    constexpr bool kLogged = false;
    const Prefix all4 = prefix("0.0.0.0/0");
    const Prefix all6 = prefix("::/0");
    std::vector<Prefix> dns{prefix("169.254.169.253/32"), prefix("fd00:ec2::253/128")};
    std::vector<Prefix> routers;
    for (const Prefix& block : network_[index].cidrs) {
      if (block.family == Family::ipv4) dns.push_back(reserved_host(block, 2));
    }
    for (const vpc::Subnet& subnet : network_.subnets) {
      if (subnet.vpc != index) continue;
      for (const Prefix& block : subnet.cidrs) {
        if (block.family == Family::ipv4) routers.push_back(reserved_host(block, 1));
      }
    }
    std::vector<CompilerRule> rules{
        {WEIR_RULE_NONE, kUnlogged, traffic(WEIR_UDP, 53, 53), dns},
        {WEIR_RULE_NONE, kUnlogged, traffic(WEIR_TCP, 53, 53), dns},
        {WEIR_RULE_NONE,
         kUnlogged,
         {},
         {prefix("169.254.169.254/32"), prefix("fd00:ec2::254/128")}},
        {WEIR_RULE_NONE,
         kUnlogged,
         {},
         {prefix("169.254.169.123/32"), prefix("fd00:ec2::123/128")}},
        {WEIR_RULE_NONE,
         kUnlogged,
         traffic(WEIR_TCP, 1688, 1688),
         {prefix("169.254.169.250/32"), prefix("169.254.169.251/32"), prefix("fd00:ec2::250/128")}},
        {WEIR_RULE_NONE, kUnlogged, traffic(WEIR_UDP, 67, 68), {all4}},
        {WEIR_RULE_NONE, kUnlogged, traffic(WEIR_UDP, 546, 547), {all6}},
        {WEIR_RULE_NONE, kUnlogged, {}, routers},
        {WEIR_RULE_NONE, kLogged, {}, {prefix("169.254.170.2/32")}},  // ECS task metadata
    };
    for (const int type : {130, 131, 132, 133, 134, 135, 136, 137, 143}) {
      CompilerRule rule{WEIR_RULE_NONE, kUnlogged, traffic(WEIR_ICMPV6, 0, 65535), {all6}};
      rule.traffic.icmp_type = static_cast<std::uint8_t>(type);
      rules.push_back(rule);
    }
    place->second = compile(rules, WEIR_RULE_NONE);
    return place->second;
  }

  const vpc::Network& network_;
  Scope scope_;
  Policy policy_;
  std::vector<std::vector<Prefix>> members_;  ///< private addresses by group
  std::map<std::pair<std::vector<vpc::SecurityGroupIndex>, Direction>, GroupRules> groups_;
  std::map<std::string, std::uint32_t> numbers_;  ///< of the names
  std::map<std::pair<vpc::NetworkAclIndex, Direction>, FamilyRules> acls_;
  std::map<vpc::VpcIndex, FamilyRules> exempt_;
};

base::Expected<Policy> Policy::compile(const vpc::Network& network, const Policy* before,
                                       Scope scope) {
  return Compiler(network, before, scope).run();
}

}  // namespace weir::policy
