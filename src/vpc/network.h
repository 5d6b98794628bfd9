// The network as its owner describes it, in the JSON that `aws ec2 describe-*` prints: VPCs,
// subnets, interfaces, security groups, network ACLs, prefix lists. Read once, checked whole, then
// immutable: everything refers to everything by index into the vectors of one `Network`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/address.h"
#include "base/error.h"

namespace weir::vpc {

enum class VpcIndex : std::uint32_t {};
enum class SubnetIndex : std::uint32_t {};
enum class InterfaceIndex : std::uint32_t {};
enum class SecurityGroupIndex : std::uint32_t {};
enum class NetworkAclIndex : std::uint32_t {};
enum class PrefixListIndex : std::uint32_t {};

/// Relative to the interface: what arrives at it, what leaves it.
enum class Direction : std::uint8_t { ingress, egress };
std::string_view to_string(Direction direction);

/// Which packets a rule speaks of, peers apart (facts/flow-logs.md §8.1, §8.3). Ports are
/// destination ports and count for TCP and UDP only, type and code for ICMP (1) and ICMPv6 (58)
/// only; for every other protocol, and for "all", AWS ignores both, and the reader leaves them at
/// "everything".
struct TrafficClass {
  std::optional<std::uint8_t> protocol;  ///< IANA number; nothing: all protocols ("-1")
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 65535;
  std::optional<std::uint8_t> icmp_type;  ///< nothing: all types ("-1")
  std::optional<std::uint8_t> icmp_code;  ///< nothing: all codes; never set without a type

  [[nodiscard]] bool is_every_port() const { return first_port == 0 && last_port == 65535; }
  bool operator==(const TrafficClass&) const = default;
};

/// A group of another VPC or account that is not described. It matches nobody.
struct ForeignGroup {
  std::string id;
  bool operator==(const ForeignGroup&) const = default;
};

/// One allow rule of a security group: exactly one peer, as AWS lists them in SecurityGroupRules.
/// An IpPermission with several peers becomes several rules.
struct SecurityGroupRule {
  std::string id;  ///< "sgr-…", or the rule's place in its group and direction, from "1"
  TrafficClass traffic;
  /// A group stands for the private addresses of the interfaces that carry it (facts §8.1).
  std::variant<base::Prefix, PrefixListIndex, SecurityGroupIndex, ForeignGroup> peer;
  std::string description;
};

struct SecurityGroup {
  std::string id;
  std::string name;
  VpcIndex vpc{};
  std::vector<SecurityGroupRule> ingress;
  std::vector<SecurityGroupRule> egress;
};

/// One numbered entry of a network ACL. The undeletable `*` entries (32767, 32768) are not held
/// here: what no entry matches is denied by `*`.
struct NetworkAclEntry {
  std::uint16_t number = 0;  ///< 1-32766
  bool allow = false;
  TrafficClass traffic;
  base::Prefix peer;  ///< the source at ingress, the destination at egress
};

struct NetworkAcl {
  std::string id;
  VpcIndex vpc{};
  bool is_default = false;
  std::vector<NetworkAclEntry> ingress;  ///< ascending by number, IPv4 and IPv6 together
  std::vector<NetworkAclEntry> egress;
};

struct PrefixList {
  std::string id;
  std::string name;
  std::vector<base::Prefix> entries;
};

struct Vpc {
  std::string id;
  std::string owner_id;             ///< 12 digits
  std::vector<base::Prefix> cidrs;  ///< primary IPv4 block first
};

struct Subnet {
  std::string id;
  VpcIndex vpc{};
  std::vector<base::Prefix> cidrs;
  std::string availability_zone;     ///< "us-east-1a"; may be empty
  std::string availability_zone_id;  ///< "use1-az1"; may be empty
  std::string outpost_arn;           ///< empty unless the subnet is on an Outpost
  NetworkAclIndex network_acl{};     ///< by association, else the VPC's default ACL
};

struct NetworkInterface {
  std::string id;
  std::string owner_id;
  VpcIndex vpc{};
  SubnetIndex subnet{};
  std::vector<SecurityGroupIndex> groups;
  std::vector<base::Address> ipv4;  ///< private addresses, the primary first
  std::vector<base::Address> ipv6;  ///< the primary, or else the first listed, first
  std::string instance_id;        ///< empty where none, or where the attachment is not the owner's
  std::string type;               ///< InterfaceType: "interface", "nat_gateway", …
  std::string name;               ///< tag "Name"; may be empty
  std::string device;             ///< tag "weir:device": what it is attached to on Linux
  std::string network_namespace;  ///< tag "weir:netns"
};

struct Network {
  std::vector<Vpc> vpcs;
  std::vector<Subnet> subnets;
  std::vector<NetworkInterface> interfaces;
  std::vector<SecurityGroup> security_groups;
  std::vector<NetworkAcl> network_acls;
  std::vector<PrefixList> prefix_lists;

  /// Every interface that has `address` among its private addresses: one, or several where the
  /// described VPCs overlap.
  [[nodiscard]] std::span<const InterfaceIndex> owners(const base::Address& address) const;
  [[nodiscard]] std::optional<InterfaceIndex> find_interface(std::string_view id) const;

  [[nodiscard]] const Vpc& operator[](VpcIndex i) const {
    return vpcs[static_cast<std::size_t>(i)];
  }
  [[nodiscard]] const Subnet& operator[](SubnetIndex i) const {
    return subnets[static_cast<std::size_t>(i)];
  }
  [[nodiscard]] const NetworkInterface& operator[](InterfaceIndex i) const {
    return interfaces[static_cast<std::size_t>(i)];
  }
  [[nodiscard]] const SecurityGroup& operator[](SecurityGroupIndex i) const {
    return security_groups[static_cast<std::size_t>(i)];
  }
  [[nodiscard]] const NetworkAcl& operator[](NetworkAclIndex i) const {
    return network_acls[static_cast<std::size_t>(i)];
  }
  [[nodiscard]] const PrefixList& operator[](PrefixListIndex i) const {
    return prefix_lists[static_cast<std::size_t>(i)];
  }

  /// Fills what `owners` looks up. The reader calls it; whoever builds a Network by hand (tests)
  /// calls it when done.
  void index();

 private:
  std::unordered_map<base::Address, std::vector<InterfaceIndex>> owners_;
};

/// The region that an Availability Zone's name lies in: "us-east-1a" → "us-east-1"; empty if `zone`
/// is not the name of one.
std::string region_of(std::string_view zone);

}  // namespace weir::vpc
