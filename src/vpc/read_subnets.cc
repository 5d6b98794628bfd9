// VPCs and subnets: blocks of addresses, and which network ACL guards them.
#include <algorithm>

#include "vpc/description.h"

namespace weir::vpc {
namespace {

using base::Family;
using base::Prefix;

/// A block and the field that gives it.
struct Block {
  Prefix prefix;
  JsonObject object;
  const char* key;
};

/// The blocks of a VPC or subnet: the first one, and those that were associated later.
std::vector<Block> read_blocks(const JsonObject& object) {
  std::vector<Block> out;
  auto add = [&](const JsonObject& at, const char* key, Family family) {
    const auto prefix = read_block(at, key, family);
    if (prefix && std::none_of(out.begin(), out.end(),
                               [&](const Block& other) { return other.prefix == *prefix; })) {
      out.push_back({*prefix, at, key});
    }
  };
  add(object, "CidrBlock", Family::ipv4);
  for (const JsonObject& more : object.objects("CidrBlockAssociationSet")) {
    add(more, "CidrBlock", Family::ipv4);
  }
  for (const JsonObject& more : object.objects("Ipv6CidrBlockAssociationSet")) {
    add(more, "Ipv6CidrBlock", Family::ipv6);
  }
  if (out.empty() && !object.has("CidrBlock")) object.fail("CidrBlock", "is missing");
  return out;
}

std::vector<Prefix> prefixes_of(const std::vector<Block>& blocks) {
  std::vector<Prefix> out;
  out.reserve(blocks.size());
  for (const Block& block : blocks) out.push_back(block.prefix);
  return out;
}

void check_inside(const std::vector<Block>& inner, const Vpc& vpc) {
  for (const Block& block : inner) {
    if (std::none_of(vpc.cidrs.begin(), vpc.cidrs.end(),
                     [&](const Prefix& other) { return other.contains(block.prefix); })) {
      block.object.fail(block.key, block.prefix.to_string() + " is outside " + vpc.id);
    }
  }
}

/// The ACL that is associated with the subnet, or else its VPC's default one.
void find_acl(const Description& description, const JsonObject& object, Subnet& subnet) {
  const Network& network = description.network;
  auto association = description.associations.find(subnet.id);
  if (association != description.associations.end()) {
    const NetworkAclIndex acl = association->second.acl;
    subnet.network_acl = acl;
    if (network[acl].vpc != subnet.vpc) {
      object.fail("", "its network ACL " + network[acl].id + " belongs to another VPC");
    }
    return;
  }
  auto fallback = description.default_acls.find(subnet.vpc);
  if (fallback == description.default_acls.end()) {
    return object.fail("", "no network ACL is associated with it and its VPC has no default one",
                       "add what `aws ec2 describe-network-acls` prints");
  }
  subnet.network_acl = fallback->second;
}

}  // namespace

void read_vpcs(Description& description) {
  auto& vpcs = description.network.vpcs;
  for (JsonObject& object : description.all("Vpcs")) {
    auto id = Description::register_id(object, "VpcId", description.vpcs, vpcs.size());
    if (!id) continue;
    vpcs.push_back(
        {*id, read_account(object, Presence::required), prefixes_of(read_blocks(object))});
  }
}

void read_subnets(Description& description) {
  Network& network = description.network;
  for (JsonObject& object : description.all("Subnets")) {
    auto id =
        Description::register_id(object, "SubnetId", description.subnets, network.subnets.size());
    if (!id) continue;
    Subnet subnet;
    subnet.id = *id;
    const std::vector<Block> blocks = read_blocks(object);
    subnet.cidrs = prefixes_of(blocks);
    subnet.availability_zone = object.word("AvailabilityZone");
    subnet.availability_zone_id = object.word("AvailabilityZoneId");
    subnet.outpost_arn = object.word("OutpostArn");
    if (auto vpc = Description::refer(object, "VpcId", description.vpcs, "Vpcs")) {
      subnet.vpc = *vpc;
      check_inside(blocks, network[*vpc]);
      find_acl(description, object, subnet);
    } else {
      description.subnets_are_sound = false;
    }
    network.subnets.push_back(std::move(subnet));
  }
  for (const auto& [subnet, association] : description.associations) {
    if (description.subnets.contains(subnet)) continue;
    association.object.fail("SubnetId", subnet + " is not described", "add it to Subnets");
  }
}

}  // namespace weir::vpc
