// Network interfaces: their addresses, groups, and what they are attached to.
#include <algorithm>
#include <map>

#include "vpc/description.h"

namespace weir::vpc {
namespace {

using base::Address;
using base::Family;
using base::Prefix;

class InterfaceReader {
 public:
  explicit InterfaceReader(Description& description)
      : description_(description), network_(description.network) {}

  void read(const JsonObject& object, NetworkInterface& interface) {
    interface.type = object.text("InterfaceType");
    interface.name = object.tag("Name");
    interface.device = object.tag("weir:device");
    interface.network_namespace = object.tag("weir:netns");
    interface.owner_id = read_account(object, Presence::optional);
    if (auto subnet = Description::refer(object, "SubnetId", description_.subnets, "Subnets")) {
      interface.subnet = *subnet;
      interface.vpc = network_[*subnet].vpc;
      if (interface.owner_id.empty()) interface.owner_id = network_[interface.vpc].owner_id;
      const std::string vpc = object.text("VpcId");
      if (!vpc.empty() && vpc != network_[interface.vpc].id) {
        object.fail("VpcId", vpc + " is not the VPC of its subnet");
      }
      read_addresses(object, interface);
    }
    if (auto attachment = object.object("Attachment")) {
      // An instance of another owner is not named: nor does AWS (facts/flow-logs.md §1.2, field
      // 17).
      const std::string owner = attachment->text("InstanceOwnerId");
      if (owner.empty() || owner == interface.owner_id) {
        interface.instance_id = attachment->word("InstanceId");
      }
    }
    for (const JsonObject& group : object.objects("Groups")) {
      if (auto index =
              Description::refer(group, "GroupId", description_.groups, "SecurityGroups")) {
        interface.groups.push_back(*index);
      }
    }
  }

 private:
  void read_addresses(const JsonObject& object, NetworkInterface& interface) {
    bool has_some = false;
    for (const JsonObject& entry : object.objects("PrivateIpAddresses")) {
      has_some = true;
      add_address(entry, "PrivateIpAddress", entry.boolean("Primary"), Family::ipv4, interface);
    }
    if (!has_some && !object.text("PrivateIpAddress").empty()) {
      has_some = true;
      add_address(object, "PrivateIpAddress", true, Family::ipv4, interface);
    }
    for (const JsonObject& entry : object.objects("Ipv6Addresses")) {
      has_some = true;
      add_address(entry, "Ipv6Address", entry.boolean("IsPrimaryIpv6"), Family::ipv6, interface);
    }
    if (!has_some) object.fail("PrivateIpAddresses", "the interface has no address");
  }

  void add_address(const JsonObject& entry, const char* key, bool is_primary, Family family,
                   NetworkInterface& interface) {
    const std::string text = entry.required_text(key);
    if (text.empty()) return;
    const auto address = Address::parse(text);
    if (!address || address->family() != family) {
      return entry.fail(key, "'" + text + "' is not an " +
                                 (family == Family::ipv4 ? "IPv4" : "IPv6") + " address");
    }
    const Subnet& subnet = network_[interface.subnet];
    if (std::none_of(subnet.cidrs.begin(), subnet.cidrs.end(),
                     [&](const Prefix& prefix) { return prefix.contains(*address); })) {
      entry.fail(key, text + " is outside " + subnet.id);
    }
    auto [place, is_new] = owners_.try_emplace({interface.vpc, *address}, interface.id);
    if (!is_new) return entry.fail(key, text + " is also an address of " + place->second);
    auto& addresses = family == Family::ipv4 ? interface.ipv4 : interface.ipv6;
    addresses.insert(is_primary ? addresses.begin() : addresses.end(), *address);
  }

  Description& description_;
  Network& network_;
  std::map<std::pair<VpcIndex, Address>, std::string> owners_;
};

}  // namespace

void read_interfaces(Description& description) {
  if (!description.subnets_are_sound) return;  // there is no telling where the interfaces are
  auto& interfaces = description.network.interfaces;
  InterfaceReader reader(description);
  Description::Ids<InterfaceIndex> ids;
  for (JsonObject& object : description.all("NetworkInterfaces")) {
    auto id = Description::register_id(object, "NetworkInterfaceId", ids, interfaces.size());
    if (!id) continue;
    NetworkInterface& interface = interfaces.emplace_back();
    interface.id = *id;
    reader.read(object, interface);
  }
}

}  // namespace weir::vpc
