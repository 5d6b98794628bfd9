#include "vpc/show.h"

#include <algorithm>
#include <set>

#include "base/iana.h"

namespace weir::vpc {
namespace {

std::string protocol_text(const TrafficClass& traffic) {
  if (!traffic.protocol) return "all";
  switch (*traffic.protocol) {
    case base::kIcmp:
      return "icmp";
    case base::kTcp:
      return "tcp";
    case base::kUdp:
      return "udp";
    case base::kIcmpv6:
      return "icmpv6";
    default:
      return std::to_string(*traffic.protocol);
  }
}

std::string port_text(const TrafficClass& traffic) {
  if (traffic.icmp_type) {
    return "type " + std::to_string(*traffic.icmp_type) +
           (traffic.icmp_code ? " code " + std::to_string(*traffic.icmp_code) : "");
  }
  if (traffic.is_every_port()) return "all";
  if (traffic.first_port == traffic.last_port) return std::to_string(traffic.first_port);
  return std::to_string(traffic.first_port) + "-" + std::to_string(traffic.last_port);
}

std::string peer_text(const Network& network, const SecurityGroupRule& rule) {
  if (const auto* block = std::get_if<base::Prefix>(&rule.peer)) return block->to_string();
  if (const auto* list = std::get_if<PrefixListIndex>(&rule.peer)) return network[*list].id;
  if (const auto* foreign = std::get_if<ForeignGroup>(&rule.peer)) return foreign->id;
  const SecurityGroup& group = network[std::get<SecurityGroupIndex>(rule.peer)];
  return group.name.empty() ? group.id : group.id + " (" + group.name + ")";
}

template <typename Items, typename Text>
std::string joined(const Items& items, Text text) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : " ") + text(item);
  return out.empty() ? "-" : out;
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

using Row = std::vector<std::string>;

void add_group_rows(const Network& network, const NetworkInterface& interface, Direction direction,
                    std::vector<Row>& rows) {
  const std::string way(to_string(direction));
  for (const SecurityGroupIndex index : interface.groups) {
    const SecurityGroup& group = network[index];
    for (const auto& rule : direction == Direction::ingress ? group.ingress : group.egress) {
      rows.push_back({way, group.id, rule.id, "allow", protocol_text(rule.traffic),
                      port_text(rule.traffic), peer_text(network, rule)});
    }
  }
  if (interface.groups.empty()) return;
  const std::string groups =
      joined(interface.groups, [&](SecurityGroupIndex index) { return network[index].id; });
  rows.push_back({way, groups, "*", "deny", "all", "all", "everyone else"});
}

void add_acl_rows(const Network& network, const NetworkInterface& interface, Direction direction,
                  std::vector<Row>& rows) {
  const std::string way(to_string(direction));
  const NetworkAcl& acl = network[network[interface.subnet].network_acl];
  for (const auto& entry : direction == Direction::ingress ? acl.ingress : acl.egress) {
    rows.push_back({way, acl.id, std::to_string(entry.number), entry.allow ? "allow" : "deny",
                    protocol_text(entry.traffic), port_text(entry.traffic),
                    entry.peer.to_string()});
  }
  rows.push_back({way, acl.id, "*", "deny", "all", "all", "everyone else"});
}

std::vector<Row> rule_rows(const Network& network, const NetworkInterface& interface) {
  std::vector<Row> rows;
  add_acl_rows(network, interface, Direction::ingress, rows);
  add_group_rows(network, interface, Direction::ingress, rows);
  add_group_rows(network, interface, Direction::egress, rows);
  add_acl_rows(network, interface, Direction::egress, rows);
  return rows;
}

const std::vector<base::Column> kRuleColumns = {{"direction"}, {"owner"}, {"rule"}, {"action"},
                                                {"protocol"},  {"ports"}, {"peer"}};

}  // namespace

base::Table interface_table(const Network& network) {
  base::Table table{
      {{"interface"}, {"name"}, {"addresses"}, {"subnet"}, {"security groups"}, {"network ACL"}},
      {}};
  auto address_text = [](const base::Address& address) { return address.to_string(); };
  for (const NetworkInterface& interface : network.interfaces) {
    std::vector<base::Address> addresses = interface.ipv4;
    addresses.insert(addresses.end(), interface.ipv6.begin(), interface.ipv6.end());
    const Subnet& subnet = network[interface.subnet];
    table.rows.push_back(
        {interface.id, or_dash(interface.name), joined(addresses, address_text), subnet.id,
         joined(interface.groups, [&](SecurityGroupIndex index) { return network[index].id; }),
         network[subnet.network_acl].id});
  }
  return table;
}

base::Table rule_table(const Network& network, InterfaceIndex interface) {
  return {kRuleColumns, rule_rows(network, network[interface])};
}

base::Table network_table(const Network& network) {
  base::Table table{kRuleColumns, {}};
  table.columns.insert(table.columns.begin(), {"interface"});
  for (const NetworkInterface& interface : network.interfaces) {
    for (Row& row : rule_rows(network, interface)) {
      row.insert(row.begin(), interface.id);
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

std::vector<std::string> advice(const Network& network) {
  std::vector<std::string> out;
  if (network.interfaces.empty()) {
    out.emplace_back("no network interface is described: every packet is of no interface");
  }
  std::set<SecurityGroupIndex> carried;
  for (const NetworkInterface& interface : network.interfaces) {
    carried.insert(interface.groups.begin(), interface.groups.end());
    for (const auto* addresses : {&interface.ipv4, &interface.ipv6}) {
      for (const base::Address& address : *addresses) {
        const auto owners = network.owners(address);
        if (owners.size() < 2 || network[owners.front()].id != interface.id) continue;
        out.push_back(address.to_string() + " belongs to " + network[owners[0]].id + " and " +
                      network[owners[1]].id +
                      ": a capture of the whole network cannot tell them apart");
      }
    }
  }
  auto refers_to_nobody = [&](const SecurityGroup& group, const SecurityGroupRule& rule) {
    const std::string allows = group.id + ": rule " + rule.id + " allows ";
    if (const auto* foreign = std::get_if<ForeignGroup>(&rule.peer)) {
      out.push_back(allows + foreign->id +
                    ", a group of another VPC or account that is not described: it matches nobody");
    }
    const auto* peer = std::get_if<SecurityGroupIndex>(&rule.peer);
    if (peer == nullptr || carried.contains(*peer)) return;
    out.push_back(allows + network[*peer].id + ", a group that no described interface carries");
  };
  for (const SecurityGroup& group : network.security_groups) {
    for (const auto& rule : group.ingress) refers_to_nobody(group, rule);
    for (const auto& rule : group.egress) refers_to_nobody(group, rule);
  }
  return out;
}

}  // namespace weir::vpc
