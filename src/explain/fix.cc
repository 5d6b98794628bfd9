#include "explain/fix.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/number.h"

namespace weir::explain {
namespace {

using vpc::Direction;

constexpr std::uint16_t kLastRuleNumber = 32766;
constexpr std::uint16_t kNumberStep = 10;

bool has_ports(const weir_packet& packet) {
  return (packet.protocol == WEIR_TCP || packet.protocol == WEIR_UDP) &&
         packet.fragment != WEIR_LATER_FRAGMENT;
}

base::Prefix peer_of(const weir_packet& packet, Direction direction) {
  return base::Prefix::host(
      packet::to_address(direction == Direction::egress ? packet.dst : packet.src));
}

std::string group_protocol(std::uint8_t protocol) {
  switch (protocol) {
    case WEIR_TCP:
      return "tcp";
    case WEIR_UDP:
      return "udp";
    case WEIR_ICMP:
      return "icmp";
    case WEIR_ICMPV6:
      return "icmpv6";
    default:
      return std::to_string(protocol);
  }
}

/// `aws ec2 authorize-security-group-ingress`.
std::string group_command(const vpc::SecurityGroup& group, Direction direction,
                          const weir_packet& packet) {
  std::string ports;
  if (has_ports(packet)) {
    ports = fmt::format("FromPort={0},ToPort={0},", packet.dstport);
  } else if (packet.protocol != WEIR_TCP && packet.protocol != WEIR_UDP) {
    ports = "FromPort=-1,ToPort=-1,";
  } else {
    ports = "FromPort=0,ToPort=65535,";  // a fragment without ports needs a rule for all of them
  }
  const base::Prefix peer = peer_of(packet, direction);
  const std::string ranges = peer.family == base::Family::ipv4
                                 ? fmt::format("IpRanges=[{{CidrIp={}}}]", peer.to_string())
                                 : fmt::format("Ipv6Ranges=[{{CidrIpv6={}}}]", peer.to_string());
  return fmt::format(
      "aws ec2 authorize-security-group-{} --group-id {} --ip-permissions 'IpProtocol={},{}{}'",
      to_string(direction), group.id, group_protocol(packet.protocol), ports, ranges);
}

/// What follows the number in a command on an entry of a network ACL.
std::string acl_traffic(const weir_packet& packet, Direction direction) {
  std::string text = fmt::format("--protocol {} ", packet.protocol);
  if (has_ports(packet)) {
    text += fmt::format("--port-range From={0},To={0} ", packet.dstport);
  } else if (packet.protocol == WEIR_TCP || packet.protocol == WEIR_UDP) {
    text += "--port-range From=0,To=65535 ";
  } else if (packet.protocol == WEIR_ICMP || packet.protocol == WEIR_ICMPV6) {
    text += "--icmp-type-code Type=-1,Code=-1 ";
  }
  const base::Prefix peer = peer_of(packet, direction);
  text += peer.family == base::Family::ipv4 ? "--cidr-block " : "--ipv6-cidr-block ";
  return text + peer.to_string() + " --rule-action allow";
}

/// The number in "acl-…:egress:100"; nothing for the closing `*`.
std::optional<std::uint16_t> number_of(std::string_view rule) {
  return base::whole_number<std::uint16_t>(rule.substr(rule.rfind(':') + 1));
}

bool is_used(const std::vector<vpc::NetworkAclEntry>& entries, std::uint16_t number) {
  return std::any_of(entries.begin(), entries.end(),
                     [number](const auto& entry) { return entry.number == number; });
}

/// A free number before `denying`; before the closing `*`, one after the last entry if there is
/// room.
std::optional<std::uint16_t> free_number(const std::vector<vpc::NetworkAclEntry>& entries,
                                         std::optional<std::uint16_t> denying) {
  std::uint16_t from = kLastRuleNumber;
  if (denying) {
    from = static_cast<std::uint16_t>(*denying - 1);
  } else {
    const std::uint16_t last = entries.empty() ? 0 : entries.back().number;
    const int next = (last / kNumberStep + 1) * kNumberStep;
    if (next <= kLastRuleNumber) return static_cast<std::uint16_t>(next);
  }
  for (std::uint16_t number = from; number > 0; --number) {
    if (!is_used(entries, number)) return number;
  }
  return std::nullopt;
}

/// Does the entry speak of nothing but this packet's kind?
bool is_narrow(const vpc::NetworkAclEntry& entry, const weir_packet& packet, Direction direction) {
  return entry.peer == peer_of(packet, direction) && entry.traffic.protocol == packet.protocol &&
         (!has_ports(packet) || (entry.traffic.first_port == packet.dstport &&
                                 entry.traffic.last_port == packet.dstport));
}

std::string acl_command(const vpc::NetworkAcl& acl, Direction direction, const weir_packet& packet,
                        std::string_view denying_rule) {
  const auto& entries = direction == Direction::ingress ? acl.ingress : acl.egress;
  const auto denying = number_of(denying_rule);
  const auto entry = std::find_if(entries.begin(), entries.end(), [&](const auto& candidate) {
    return denying && candidate.number == *denying;
  });
  const bool replaces = entry != entries.end() && is_narrow(*entry, packet, direction);
  const auto number = replaces ? denying : free_number(entries, denying);
  if (!number) return {};
  return fmt::format("aws ec2 {}-network-acl-entry --network-acl-id {} --{} --rule-number {} {}",
                     replaces ? "replace" : "create", acl.id, to_string(direction), *number,
                     acl_traffic(packet, direction));
}

}  // namespace

Fix fix_for(const vpc::Network& network, const policy::Policy& policy,
            vpc::InterfaceIndex interface, vpc::Direction direction, const weir_packet& packet,
            bool is_tracked) {
  const weir_opinion opinion = policy.ask(interface, packet, direction);
  const vpc::NetworkInterface& described = network[interface];
  std::string commands;
  if (opinion.group_allows == 0 && !is_tracked && !described.groups.empty()) {
    commands = group_command(network[described.groups.front()], direction, packet);
  }
  if (opinion.acl_allows == 0) {
    const std::string command = acl_command(network[network[described.subnet].network_acl],
                                            direction, packet, policy.rule_name(opinion.acl_rule));
    if (command.empty()) return {{}, true};
    commands += (commands.empty() ? "" : " && ") + command;
  }
  return {commands, false};
}

}  // namespace weir::explain
