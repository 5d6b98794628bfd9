#include "oracle/naive.h"

#include <algorithm>
#include <set>

namespace weir::oracle {
namespace {

using base::Address;
using base::Family;
using base::Prefix;
using vpc::Direction;

constexpr int kIcmp = 1;
constexpr int kTcp = 6;
constexpr int kUdp = 17;
constexpr int kIcmpv6 = 58;

// Seconds: AWS's defaults, then what docs/decisions.md adds.
constexpr std::int64_t kEstablished = 432000;
constexpr std::int64_t kUdpSingle = 30;
constexpr std::int64_t kUdpStream = 180;
constexpr std::int64_t kOther = 600;
constexpr std::int64_t kOpening = 120;
constexpr std::int64_t kEcho = 30;
constexpr std::int64_t kFragments = 30;
constexpr std::int64_t kClosing = 10;
constexpr std::int64_t kClosedRemembered = 600;
constexpr std::int64_t kSecond = 1'000'000;

Direction opposite(Direction direction) {
  return direction == Direction::ingress ? Direction::egress : Direction::ingress;
}

bool is_icmp(const weir_packet& packet) {
  return packet.protocol == kIcmp || packet.protocol == kIcmpv6;
}

bool is_echo(const weir_packet& packet) {
  if (packet.protocol == kIcmp) return packet.icmp_type == 8 || packet.icmp_type == 0;
  return packet.protocol == kIcmpv6 && (packet.icmp_type == 128 || packet.icmp_type == 129);
}

/// Does a rule's traffic cover the packet, whose port is `port` (none: a later fragment)?
bool covers(const vpc::TrafficClass& traffic, const weir_packet& packet, std::optional<int> port) {
  if (!traffic.protocol) return true;
  if (*traffic.protocol != packet.protocol) return false;
  if (is_icmp(packet)) {
    if (!traffic.icmp_type) return true;
    if (packet.fragment == WEIR_LATER_FRAGMENT) return false;
    return *traffic.icmp_type == packet.icmp_type &&
           (!traffic.icmp_code || *traffic.icmp_code == packet.icmp_code);
  }
  if (packet.protocol != kTcp && packet.protocol != kUdp) return true;
  if (traffic.first_port == 0 && traffic.last_port == 65535) return true;
  return port && *port >= traffic.first_port && *port <= traffic.last_port;
}

std::int64_t elapsed(std::int64_t last, std::int64_t now) {
  return std::max<std::int64_t>(now - last, 0);
}

}  // namespace

bool Naive::is_peer(const vpc::SecurityGroupRule& rule, const Address& address) const {
  if (const auto* block = std::get_if<Prefix>(&rule.peer)) return block->contains(address);
  if (const auto* list = std::get_if<vpc::PrefixListIndex>(&rule.peer)) {
    const auto& entries = network_[*list].entries;
    return std::any_of(entries.begin(), entries.end(),
                       [&](const Prefix& entry) { return entry.contains(address); });
  }
  if (std::holds_alternative<vpc::ForeignGroup>(rule.peer)) return false;
  const auto group = std::get<vpc::SecurityGroupIndex>(rule.peer);
  for (const auto& interface : network_.interfaces) {
    const bool carries = std::find(interface.groups.begin(), interface.groups.end(), group) !=
                         interface.groups.end();
    if (!carries) continue;
    for (const auto* addresses : {&interface.ipv4, &interface.ipv6}) {
      if (std::find(addresses->begin(), addresses->end(), address) != addresses->end()) return true;
    }
  }
  return false;
}

bool Naive::is_for_everyone(const vpc::SecurityGroupRule& rule, Family family) const {
  auto is_all = [&](const Prefix& prefix) { return prefix.family == family && prefix.length == 0; };
  if (const auto* block = std::get_if<Prefix>(&rule.peer)) return is_all(*block);
  if (const auto* list = std::get_if<vpc::PrefixListIndex>(&rule.peer)) {
    const auto& entries = network_[*list].entries;
    return std::any_of(entries.begin(), entries.end(), is_all);
  }
  return false;
}

Naive::GroupAnswer Naive::ask_groups(const vpc::NetworkInterface& interface, Direction direction,
                                     const weir_packet& packet, std::optional<int> port,
                                     const Address& peer) const {
  GroupAnswer answer;
  if (interface.groups.empty()) {
    answer.allows = answer.for_everyone = true;
    return answer;
  }
  std::string names;
  for (const auto index : interface.groups) {
    const auto& group = network_[index];
    names += (names.empty() ? "" : "+") + group.id;
    for (const auto& rule : direction == Direction::ingress ? group.ingress : group.egress) {
      if (!is_peer(rule, peer) || !covers(rule.traffic, packet, port)) continue;
      if (!answer.allows) {
        answer.allows = true;
        answer.rule = group.id + ":" + std::string(to_string(direction)) + ":" + rule.id;
      }
      if (is_for_everyone(rule, peer.family())) answer.for_everyone = true;
    }
  }
  if (!answer.allows) answer.rule = names + ":" + std::string(to_string(direction)) + ":*";
  return answer;
}

bool Naive::is_open(const vpc::NetworkInterface& interface, Direction direction,
                    const weir_packet& packet) const {
  if (interface.groups.empty()) return true;
  const Family family = packet.family == WEIR_IPV4 ? Family::ipv4 : Family::ipv6;
  for (const auto index : interface.groups) {
    const auto& group = network_[index];
    for (const auto& rule : direction == Direction::ingress ? group.ingress : group.egress) {
      const auto& traffic = rule.traffic;
      const bool every_port = traffic.first_port == 0 && traffic.last_port == 65535;
      const bool its_protocol = !traffic.protocol || *traffic.protocol == packet.protocol;
      if (every_port && its_protocol && is_for_everyone(rule, family)) return true;
    }
  }
  return false;
}

/// Is the far end one of the addresses that AWS keeps for itself, whatever is said to it?
bool Naive::is_reserved(const vpc::NetworkInterface& interface, const std::string& peer) const {
  static const std::set<std::string> kAlways{"169.254.169.254", "fd00:ec2::254", "169.254.169.123",
                                             "fd00:ec2::123"};
  if (kAlways.contains(peer)) return true;
  for (const auto& subnet : network_.subnets) {
    if (subnet.vpc != interface.vpc) continue;
    for (const auto& block : subnet.cidrs) {
      if (block.family != Family::ipv4) continue;
      if (peer == Address::from_ipv4(block.address.ipv4() + 1).to_string()) return true;
    }
  }
  return false;
}

bool Naive::is_amazon_dns(const vpc::NetworkInterface& interface, const std::string& peer) const {
  if (peer == "169.254.169.253" || peer == "fd00:ec2::253") return true;
  const auto& cidrs = network_[interface.vpc].cidrs;
  return std::any_of(cidrs.begin(), cidrs.end(), [&](const Prefix& block) {
    return block.family == Family::ipv4 &&
           peer == Address::from_ipv4(block.address.ipv4() + 2).to_string();
  });
}

/// The services that AWS runs for every network, by protocol and the far end's port.
bool Naive::is_service(const vpc::NetworkInterface& interface, const weir_packet& packet, int port,
                       const std::string& peer) const {
  static const std::set<std::string> kLicences{"169.254.169.250", "169.254.169.251",
                                               "fd00:ec2::250"};
  const bool tcp = packet.protocol == kTcp;
  const bool udp = packet.protocol == kUdp;
  if (tcp && port == 1688 && kLicences.contains(peer)) return true;
  if ((tcp || udp) && port == 53 && is_amazon_dns(interface, peer)) return true;
  const bool dhcp = packet.family == WEIR_IPV4 && (port == 67 || port == 68);
  const bool dhcp6 = packet.family == WEIR_IPV6 && (port == 546 || port == 547);
  return udp && (dhcp || dhcp6);
}

/// facts/flow-logs.md §7 and §8.1. Nothing: an ordinary packet; otherwise whether it is logged.
std::optional<bool> Naive::exempt(const vpc::NetworkInterface& interface, const weir_packet& packet,
                                  Direction direction) const {
  const bool out = direction == Direction::egress;
  const std::string peer = packet::to_address(out ? packet.dst : packet.src).to_string();
  if (is_reserved(interface, peer)) return false;
  const bool has_ports = packet.fragment != WEIR_LATER_FRAGMENT;
  if (has_ports && is_service(interface, packet, out ? packet.dstport : packet.srcport, peer)) {
    return false;
  }
  if (packet.protocol == kIcmpv6 && packet.family == WEIR_IPV6 && has_ports) {
    const int type = packet.icmp_type;
    if ((type >= 130 && type <= 137) || type == 143) return false;
  }
  if (peer == "169.254.170.2") return true;
  return std::nullopt;
}

bool Naive::is_over(const Connection& connection, int protocol, std::int64_t now) {
  const std::int64_t idle = elapsed(connection.last, now);
  if (connection.is_closed) return idle > (kClosing + kClosedRemembered) * kSecond;
  std::int64_t seconds = kOther;
  if (protocol == kTcp) seconds = connection.turns == 0 ? kOpening : kEstablished;
  if (protocol == kUdp) seconds = connection.turns >= 3 ? kUdpStream : kUdpSingle;
  if (protocol == kIcmp || protocol == kIcmpv6) seconds = kEcho;
  return idle > seconds * kSecond;
}

void Naive::note(Connection& connection, Direction direction, const weir_packet& packet,
                 std::int64_t now) {
  if (connection.is_closed) return;
  connection.last = std::max(connection.last, now);
  if (connection.last_direction != direction) ++connection.turns;
  connection.last_direction = direction;
  if (packet.protocol != kTcp) return;
  if ((packet.tcp_bits & 1) != 0) {
    (direction == Direction::ingress ? connection.fin_in : connection.fin_out) = true;
  }
  connection.is_closed = (packet.tcp_bits & 4) != 0 || (connection.fin_in && connection.fin_out);
}

/// The network ACL: not asked inside the subnet; the first entry that fits decides.
Naive::AclAnswer Naive::ask_acl(const vpc::NetworkInterface& interface, Direction direction,
                                const weir_packet& packet, std::optional<int> port,
                                const Address& peer) const {
  const auto& subnet = network_[interface.subnet];
  const bool inside = std::any_of(subnet.cidrs.begin(), subnet.cidrs.end(),
                                  [&](const Prefix& block) { return block.contains(peer); });
  if (inside) return {true, ""};
  const auto& acl = network_[subnet.network_acl];
  const std::string side = acl.id + ":" + std::string(to_string(direction)) + ":";
  for (const auto& entry : direction == Direction::ingress ? acl.ingress : acl.egress) {
    if (!entry.peer.contains(peer) || !covers(entry.traffic, packet, port)) continue;
    return {entry.allow, side + std::to_string(entry.number)};
  }
  return {false, side + "*"};
}

/// What the groups remember of the packet's connection.
Naive::Memory Naive::recall(const Key& key, Direction direction, const weir_packet& packet,
                            std::int64_t now) {
  auto found = connections_.find(key);
  if (found == connections_.end() || is_over(found->second, packet.protocol, now)) return {};
  Connection& connection = found->second;
  const bool pure_syn = (packet.tcp_bits & 2) != 0 && (packet.tcp_bits & 16) == 0;
  if (connection.is_closed && pure_syn) return {};  // the ports are used anew
  if (connection.is_closed && elapsed(connection.last, now) > kClosing * kSecond) {
    return {nullptr, "", true};
  }
  return {&connection, connection.opened_by == direction ? connection.rule : "tracked", false};
}

/// A later fragment is of the connection that its first one was of.
Naive::Memory Naive::recall_fragment(const Key& key, std::int64_t now) {
  auto found = fragments_.find(key);
  if (found == fragments_.end()) return {};
  if (elapsed(found->second.last, now) > kFragments * kSecond) return {};
  return {&found->second, found->second.rule, false};
}

/// facts/flow-logs.md §8.2, seen from either end of the exchange.
bool Naive::is_untracked(const vpc::NetworkInterface& interface, Direction direction,
                         const weir_packet& packet, const GroupAnswer& groups,
                         const Address& peer) const {
  if (packet.protocol != kTcp && packet.protocol != kUdp) return false;
  const Direction back = opposite(direction);
  if (groups.for_everyone && is_open(interface, back, packet)) return true;
  return ask_groups(interface, back, packet, packet.srcport, peer).for_everyone &&
         is_open(interface, direction, packet);
}

Naive::Key Naive::key_of(const vpc::NetworkInterface& interface, Direction direction,
                         const weir_packet& packet) {
  const bool out = direction == Direction::egress;
  Key key{interface.id,
          packet::to_address(out ? packet.src : packet.dst),
          packet::to_address(out ? packet.dst : packet.src),
          packet.protocol,
          0,
          0};
  if (packet.protocol == kTcp || packet.protocol == kUdp) {
    std::get<4>(key) = out ? packet.srcport : packet.dstport;
    std::get<5>(key) = out ? packet.dstport : packet.srcport;
  } else if (is_echo(packet)) {
    std::get<4>(key) = std::get<5>(key) = packet.icmp_id;
  }
  return key;
}

Verdict Naive::judge(const vpc::NetworkInterface& interface, Direction direction,
                     const weir_packet& packet, std::int64_t now) {
  if (const auto is_logged = exempt(interface, packet, direction)) {
    return {true, !*is_logged, "", "", ""};
  }
  const bool out = direction == Direction::egress;
  const bool later = packet.fragment == WEIR_LATER_FRAGMENT;
  const Key key = key_of(interface, direction, packet);
  const Address peer = std::get<2>(key);
  const std::optional<int> port = later ? std::nullopt : std::optional<int>(packet.dstport);
  Key fragment_key = key;
  std::get<4>(fragment_key) = out ? 1U : 0U;
  std::get<5>(fragment_key) = packet.fragment_id;

  const AclAnswer acl = ask_acl(interface, direction, packet, port, peer);
  const GroupAnswer groups = ask_groups(interface, direction, packet, port, peer);
  const Memory memory =
      later ? recall_fragment(fragment_key, now) : recall(key, direction, packet, now);
  const bool group_allows = memory.connection != nullptr || groups.allows;
  const std::string group_rule = memory.connection != nullptr ? memory.rule : groups.rule;

  Verdict verdict;
  verdict.accept = group_allows && acl.allows;
  if (out || acl.allows) verdict.group_rule = group_rule;
  if (!out || group_allows) verdict.acl_rule = acl.rule;
  if (!verdict.accept) {
    const bool by_acl = out ? group_allows : !acl.allows;
    verdict.cause = by_acl              ? "NETWORK_ACL"
                    : memory.was_closed ? "CONNECTION_CLOSED"
                                        : "SECURITY_GROUP";
    return verdict;
  }
  if (packet.fragment == WEIR_FIRST_FRAGMENT) {
    Connection rest;
    rest.rule = group_rule;
    rest.last = now;
    fragments_[fragment_key] = rest;
  }
  if (memory.connection == nullptr) {
    if (opens_connection(interface, direction, packet, groups, peer)) {
      connections_[key] = fresh_connection(direction, group_rule, packet, now);
    }
  } else if (later) {
    memory.connection->last = std::max(memory.connection->last, now);
  } else {
    note(*memory.connection, direction, packet, now);
  }
  return verdict;
}

bool Naive::opens_connection(const vpc::NetworkInterface& interface, Direction direction,
                             const weir_packet& packet, const GroupAnswer& groups,
                             const Address& peer) const {
  if (packet.fragment == WEIR_LATER_FRAGMENT) return false;
  if (is_icmp(packet) && !is_echo(packet)) return false;
  return !is_untracked(interface, direction, packet, groups, peer);
}

Naive::Connection Naive::fresh_connection(Direction direction, const std::string& rule,
                                          const weir_packet& packet, std::int64_t now) {
  Connection fresh;
  fresh.opened_by = fresh.last_direction = direction;
  fresh.rule = rule;
  fresh.last = now;
  note(fresh, direction, packet, now);
  return fresh;
}

}  // namespace weir::oracle
