#include "cli/refusal.h"

#include <fmt/format.h>

#include <string_view>

namespace weir::cli {
namespace {

using record::FlowDirection;
using record::RejectCause;

std::string protocol_name(std::uint8_t protocol) {
  switch (protocol) {
    case 1:
      return "ICMP";
    case 6:
      return "TCP";
    case 17:
      return "UDP";
    case 58:
      return "ICMPv6";
    case 132:
      return "SCTP";
    default:
      return fmt::format("protocol {}", protocol);
  }
}

/// "TCP port 22", "ICMP".
std::string service(const record::Flow& flow) {
  const std::string name = protocol_name(flow.protocol);
  return flow.dstport == 0 ? name : fmt::format("{} port {}", name, flow.dstport);
}

std::string interface_name(const record::Record& record, const vpc::Network& network) {
  const std::string_view id = record.interface->interface_id;
  const auto index = network.find_interface(id);
  if (!index || network[*index].name.empty()) return std::string(id);
  return fmt::format("{} ({})", network[*index].name, id);
}

/// The parts of "acl-…:ingress:100" and "sg-a+sg-b:egress:*".
struct RuleName {
  std::string_view owner;
  std::string_view rule;
};

RuleName split(std::string_view name) {
  const auto first = name.find(':');
  const auto last = name.rfind(':');
  return {name.substr(0, first), name.substr(last + 1)};
}

std::string acl_reason(const record::Flow& flow) {
  const auto [acl, rule] = split(flow.network_acl_rule);
  const std::string_view way =
      flow.direction == FlowDirection::egress ? "out of the subnet" : "into the subnet";
  std::string reason =
      rule == "*"
          ? fmt::format("no rule of network ACL {} allows it {}, so its closing rule * denies it",
                        acl, way)
          : fmt::format("rule {} of network ACL {} denies it {}", rule, acl, way);
  if (flow.security_group_rule == "tracked") {
    reason +=
        ". It is a reply to a connection that was let through: a security group remembers that, a "
        "network ACL does not";
  }
  return reason;
}

std::string group_reason(const record::Flow& flow) {
  const auto groups = split(flow.security_group_rule).owner;
  const bool several = groups.find('+') != std::string_view::npos;
  return fmt::format("no {} rule of security group{} {} allows it",
                     flow.direction == FlowDirection::egress ? "outbound" : "inbound",
                     several ? "s" : "", groups);
}

std::string reason(const record::Flow& flow) {
  switch (flow.reject_cause) {
    case RejectCause::network_acl:
      return acl_reason(flow);
    case RejectCause::connection_closed:
      return "its connection had been closed, and as a new one " + group_reason(flow);
    default:
      return group_reason(flow);
  }
}

}  // namespace

std::string refusal_sentence(const record::Record& record, const vpc::Network& network) {
  const record::Flow& flow = record.flow;
  const bool is_egress = flow.direction == FlowDirection::egress;
  return fmt::format("{} {} from {} to {}, {} ({} packet{}): {}.", interface_name(record, network),
                     is_egress ? "may not send" : "may not receive", flow.srcaddr.to_string(),
                     flow.dstaddr.to_string(), service(flow), flow.packets,
                     flow.packets == 1 ? "" : "s", reason(flow));
}

}  // namespace weir::cli
