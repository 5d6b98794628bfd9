// Protocols, ports and ICMP types as security groups and network ACLs write them.
#pragma once

#include "vpc/json_object.h"
#include "vpc/network.h"

namespace weir::vpc {

/// From IpProtocol, FromPort and ToPort of a security group's rule (facts/flow-logs.md §8.1).
TrafficClass read_group_traffic(const JsonObject& rule);

/// From Protocol, PortRange and IcmpTypeCode of a network ACL's entry (facts §8.3). `is_ipv6`: the
/// entry has an Ipv6CidrBlock.
TrafficClass read_acl_traffic(const JsonObject& entry, bool is_ipv6);

}  // namespace weir::vpc
