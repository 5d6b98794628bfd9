// Random networks, rules and packets, for those who compare two judges of them.
#pragma once

#include <algorithm>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "packet/packet.h"
#include "vpc/network.h"

namespace weir::property {

using base::Address;
using base::Prefix;
using vpc::Direction;

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t end) { return engine_() % end; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  template <typename T>
  const T& any(const std::vector<T>& items) {
    return items[below(items.size())];
  }

 private:
  std::mt19937_64 engine_;
};

/// Addresses come from a small world, so that rules, peers and connections meet.
class World {
 public:
  explicit World(Random& random) : random_(random) {
    network.vpcs.push_back(
        {"vpc-1", "123456789012", {block("10.0.0.0/16"), block("2001:db8::/56")}});
    for (int i = 0; i < 3; ++i) add_subnet(i);
    for (int i = 0; i < 2; ++i) add_prefix_list(i);
    const int groups = 1 + static_cast<int>(random.below(4));
    for (int i = 0; i < groups; ++i)
      network.security_groups.push_back({"sg-" + std::to_string(i), "", {}, {}, {}});
    for (int i = 0; i < 5; ++i) add_interface(i);
    for (auto& group : network.security_groups) {
      fill(group.ingress);
      fill(group.egress);
    }
    network.index();
  }

  Address address() {
    if (random_.one_in(12))
      return any_of({"169.254.169.254", "169.254.169.123", "169.254.169.253", "169.254.169.250",
                     "10.0.0.2", "10.0.1.1", "169.254.170.2", "10.0.0.1"});
    if (random_.one_in(8))
      return any_of(
          {"0.0.0.0", "255.255.255.255", "10.0.0.255", "10.0.1.0", "203.0.113.0", "203.0.113.255"});
    if (random_.one_in(2)) {
      const auto& interface = random_.any(network.interfaces);
      return random_.any(interface.ipv4);
    }
    return random_.one_in(2)
               ? Address::from_ipv4(0x0a000000 + static_cast<std::uint32_t>(random_.below(768)))
               : Address::from_ipv4(0xcb007100 + static_cast<std::uint32_t>(random_.below(256)));
  }
  Address address6() {
    if (random_.one_in(12))
      return any_of({"fd00:ec2::254", "fd00:ec2::253", "fd00:ec2::123",
                     "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"});
    if (random_.one_in(2)) return random_.any(random_.any(network.interfaces).ipv6);
    return Address{0x20010db800000000 + random_.below(4) * 0x10000, random_.below(64)};
  }
  std::uint16_t port() {
    static const std::vector<std::uint16_t> kEdges{
        0, 1, 22, 53, 67, 68, 80, 443, 546, 547, 1023, 1024, 1688, 32767, 32768, 65534, 65535};
    return random_.one_in(3) ? static_cast<std::uint16_t>(random_.below(65536))
                             : random_.any(kEdges);
  }

  vpc::Network network;

 private:
  static Prefix block(const char* text) { return *Prefix::parse(text); }
  Address any_of(const std::vector<const char*>& names) {
    return *Address::parse(random_.any(names));
  }

  Prefix prefix() {
    if (random_.one_in(5)) return random_.one_in(2) ? block("0.0.0.0/0") : block("::/0");
    static const std::vector<unsigned> kLengths4{1, 8, 16, 22, 23, 24, 25, 30, 31, 32, 32};
    static const std::vector<unsigned> kLengths6{1, 32, 56, 63, 64, 122, 126, 127, 128, 128};
    if (random_.one_in(3)) return Prefix::make(address6(), random_.any(kLengths6));
    return Prefix::make(address(), random_.any(kLengths4));
  }

  vpc::TrafficClass traffic() {
    vpc::TrafficClass out;
    static const std::vector<int> kProtocols{-1, 6, 6, 6, 17, 17, 1, 58, 47, 132};
    const int protocol = random_.any(kProtocols);
    if (protocol < 0) return out;
    out.protocol = static_cast<std::uint8_t>(protocol);
    if ((protocol == 6 || protocol == 17) && !random_.one_in(4)) {
      out.first_port = port();
      out.last_port = random_.one_in(2) ? out.first_port : port();
      if (out.first_port > out.last_port) std::swap(out.first_port, out.last_port);
    }
    if ((protocol == 1 || protocol == 58) && !random_.one_in(3)) {
      out.icmp_type = icmp_type();
      if (random_.one_in(2)) out.icmp_code = icmp_code();
    }
    return out;
  }

 public:
  std::uint8_t icmp_type() {
    static const std::vector<std::uint8_t> kTypes{0, 3, 8, 11, 128, 129, 1, 2, 133, 136, 143, 255};
    return random_.any(kTypes);
  }
  std::uint8_t icmp_code() {
    static const std::vector<std::uint8_t> kCodes{0, 0, 1, 2, 254, 255};
    return random_.any(kCodes);
  }

 private:
  void add_subnet(int i) {
    vpc::NetworkAcl acl;
    acl.id = "acl-" + std::to_string(i);
    for (auto* entries : {&acl.ingress, &acl.egress}) {
      std::uint16_t number = 0;
      const auto count = random_.one_in(4) ? 0 : random_.below(random_.one_in(8) ? 150 : 8);
      for (std::uint64_t j = 0; j < count; ++j) {
        number = static_cast<std::uint16_t>(number + 1 + random_.below(50));
        entries->push_back(
            {number, !random_.one_in(3), traffic_without_world(), prefix_without_world()});
      }
      // Often open at the end, or hardly any packet would reach the groups.
      if (!random_.one_in(4)) {
        entries->push_back({32000, true, {}, block("0.0.0.0/0")});
        entries->push_back({32001, true, {}, block("::/0")});
      }
    }
    network.network_acls.push_back(std::move(acl));
    vpc::Subnet subnet;
    subnet.id = "subnet-" + std::to_string(i);
    subnet.cidrs = {
        Prefix::make(Address::from_ipv4(0x0a000000 + 256U * static_cast<unsigned>(i)), 24),
        Prefix::make(Address{0x20010db800000000 + 0x10000ULL * static_cast<unsigned>(i), 0}, 64)};
    subnet.network_acl = static_cast<vpc::NetworkAclIndex>(i);
    network.subnets.push_back(std::move(subnet));
  }
  // Before the interfaces exist, addresses are plain ones.
  Prefix prefix_without_world() {
    if (random_.one_in(4)) return random_.one_in(2) ? block("0.0.0.0/0") : block("::/0");
    if (random_.one_in(3))
      return Prefix::make(
          Address{0x20010db800000000 + random_.below(4) * 0x10000, random_.below(64)},
          static_cast<unsigned>(56 + random_.below(73)));
    return Prefix::make(Address::from_ipv4((random_.one_in(2) ? 0x0a000000U : 0xcb007100U) +
                                           static_cast<std::uint32_t>(random_.below(768))),
                        static_cast<unsigned>(16 + random_.below(17)));
  }
  vpc::TrafficClass traffic_without_world() { return traffic(); }

  void add_prefix_list(int i) {
    vpc::PrefixList list{"pl-" + std::to_string(i), "", {}};
    const auto count = random_.below(5);
    for (std::uint64_t j = 0; j < count; ++j) list.entries.push_back(prefix_without_world());
    network.prefix_lists.push_back(std::move(list));
  }

  void add_interface(int i) {
    vpc::NetworkInterface interface;
    interface.id = "eni-" + std::to_string(i);
    interface.subnet = static_cast<vpc::SubnetIndex>(random_.below(3));
    const auto subnet = static_cast<std::uint32_t>(interface.subnet);
    for (std::uint32_t j = 0; j < 2; ++j) {
      const auto host = 10 + 2 * static_cast<std::uint32_t>(i) + j;
      interface.ipv4.push_back(Address::from_ipv4(0x0a000000 + 256 * subnet + host));
      interface.ipv6.push_back(Address{0x20010db800000000 + 0x10000ULL * subnet, host});
    }
    const auto groups = random_.one_in(10) ? 0 : 1 + random_.below(3);
    for (std::uint64_t j = 0; j < groups; ++j) {
      const auto group =
          static_cast<vpc::SecurityGroupIndex>(random_.below(network.security_groups.size()));
      if (std::find(interface.groups.begin(), interface.groups.end(), group) ==
          interface.groups.end())
        interface.groups.push_back(group);
    }
    network.interfaces.push_back(std::move(interface));
  }

  void fill(std::vector<vpc::SecurityGroupRule>& rules) {
    const auto count = random_.below(random_.one_in(10) ? 100 : 7);
    for (std::uint64_t i = 0; i < count; ++i) {
      vpc::SecurityGroupRule rule;
      rule.id = std::to_string(i + 1);
      rule.traffic = traffic();
      switch (random_.below(7)) {
        case 0:
          rule.peer =
              static_cast<vpc::SecurityGroupIndex>(random_.below(network.security_groups.size()));
          break;
        case 1:
          rule.peer = static_cast<vpc::PrefixListIndex>(random_.below(network.prefix_lists.size()));
          break;
        case 2:
          rule.peer = vpc::ForeignGroup{"sg-of-a-peer"};
          break;
        default:
          rule.peer = prefix();
      }
      rules.push_back(std::move(rule));
    }
  }

  Random& random_;
};

inline std::uint32_t fragment_id(Random& random) {
  static const std::vector<std::uint32_t> kIds{1, 2, 0x1'0001, 0x1'0002, 0xffff'0001};
  return random.any(kIds);
}

inline weir_packet fresh_packet(World& world, Random& random) {
  weir_packet packet{};
  const bool ipv6 = random.one_in(3);
  packet.family = ipv6 ? WEIR_IPV6 : WEIR_IPV4;
  packet.src = packet::to_c(ipv6 ? world.address6() : world.address());
  packet.dst = packet::to_c(ipv6 ? world.address6() : world.address());
  static const std::vector<std::uint8_t> kProtocols{6, 6, 6, 6, 17, 17, 17, 1, 58, 47, 132};
  packet.protocol = random.any(kProtocols);
  packet.bytes = 60;
  if (packet.protocol == 6 || packet.protocol == 17 || packet.protocol == 132) {
    packet.srcport = world.port();
    packet.dstport = world.port();
  }
  if (packet.protocol == 6) {
    static const std::vector<std::uint8_t> kBits{2, 2, 2, 16, 18, 17, 4, 20, 24};
    packet.tcp_bits = random.any(kBits);
  }
  if (packet.protocol == 1 || packet.protocol == 58) {
    packet.icmp_type = world.icmp_type();
    packet.icmp_code = world.icmp_code();
    if (weir_is_echo(&packet) != 0) packet.icmp_id = static_cast<std::uint16_t>(random.below(4));
  }
  if (random.one_in(16)) {
    packet.fragment = WEIR_FIRST_FRAGMENT;
    packet.fragment_id = fragment_id(random);
    // Then the first fragment and the later ones are of one flow, though their rules differ.
    if (random.one_in(4)) packet.srcport = packet.dstport = 0;
  }
  return packet;
}

/// What comes after an earlier packet: a reply or a further one, a close, a later fragment.
inline weir_packet next_packet(weir_packet packet, bool& turns_round, Random& random) {
  turns_round = random.one_in(2);
  if (turns_round) {
    std::swap(packet.src, packet.dst);
    std::swap(packet.srcport, packet.dstport);
    static const std::map<int, int> kAnswers{{8, 0}, {0, 8}, {128, 129}, {129, 128}};
    auto answer = kAnswers.find(packet.icmp_type);
    if (weir_is_echo(&packet) != 0) packet.icmp_type = static_cast<std::uint8_t>(answer->second);
  }
  if (packet.protocol == 6 && packet.fragment != WEIR_LATER_FRAGMENT) {
    static const std::vector<std::uint8_t> kBits{16, 16, 16, 16, 24, 18, 17, 17, 17, 4, 2, 0};
    packet.tcp_bits = random.any(kBits);
  }
  if (packet.fragment == WEIR_FIRST_FRAGMENT && random.one_in(2)) {
    packet.fragment = WEIR_LATER_FRAGMENT;
    if (random.one_in(8)) packet.fragment_id = fragment_id(random);  // of another datagram
    packet.srcport = packet.dstport = 0;
    packet.tcp_bits = packet.icmp_type = packet.icmp_code = 0;
    packet.icmp_id = 0;
  }
  return packet;
}

/// Mostly little, sometimes back.
inline std::int64_t step(Random& random) {
  constexpr std::int64_t kSecond = 1'000'000;
  if (random.one_in(50)) return -static_cast<std::int64_t>(random.below(2 * kSecond));
  return static_cast<std::int64_t>(random.below(kSecond / 4));
}

/// To the edge of a time-out: the last moment before it, it, and the first after it.
inline std::int64_t step_to_an_edge(Random& random) {
  static const std::vector<std::int64_t> kEdges{10, 10, 30, 120, 180, 600, 610, 432000};
  constexpr std::int64_t kSecond = 1'000'000;
  return random.any(kEdges) * kSecond + static_cast<std::int64_t>(random.below(3)) - 1;
}

inline std::string in_words(const weir_packet& packet, Direction direction,
                            const vpc::NetworkInterface& interface) {
  std::ostringstream out;
  out << to_string(direction) << " at " << interface.id << ": "
      << packet::to_address(packet.src).to_string() << " " << packet.srcport << " -> "
      << packet::to_address(packet.dst).to_string() << " " << packet.dstport << " protocol "
      << int{packet.protocol} << " bits " << int{packet.tcp_bits} << " icmp "
      << int{packet.icmp_type} << "/" << int{packet.icmp_code} << " id " << packet.icmp_id
      << " fragment " << int{packet.fragment} << " of " << packet.fragment_id;
  return out.str();
}

struct Seen {
  vpc::InterfaceIndex interface {};
  Direction direction{};
  weir_packet packet{};
};

/// A packet of the same connection as the one before.
inline Seen follow(Seen seen, Random& random) {
  bool turns_round = false;
  seen.packet = next_packet(seen.packet, turns_round, random);
  if (turns_round) {
    seen.direction = seen.direction == Direction::ingress ? Direction::egress : Direction::ingress;
  }
  return seen;
}

/// A packet of a connection in `history`, or of a new one, which it then remembers.
inline Seen choose(World& world, Random& random, std::vector<Seen>& history) {
  constexpr std::size_t kHistory = 40;
  Seen seen;
  if (!history.empty() && !random.one_in(5)) {
    seen = follow(random.any(history), random);
    if (seen.packet.fragment == WEIR_LATER_FRAGMENT) return seen;
  } else {
    seen.interface =
        static_cast<vpc::InterfaceIndex>(random.below(world.network.interfaces.size()));
    seen.direction = random.one_in(2) ? Direction::ingress : Direction::egress;
    seen.packet = fresh_packet(world, random);
  }
  if (history.size() < kHistory) {
    history.push_back(seen);
  } else {
    history[random.below(kHistory)] = seen;
  }
  return seen;
}

}  // namespace weir::property
