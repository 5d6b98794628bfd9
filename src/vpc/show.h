// A network as rows that people read: every rule that speaks of an interface's packets.
#pragma once

#include <string>
#include <vector>

#include "base/table.h"
#include "vpc/network.h"

namespace weir::vpc {

/// One row an interface: its addresses, subnet, groups and ACL.
base::Table interface_table(const Network& network);

/// One row a rule of the interface, in the order in which they are asked: ACL and groups at
/// ingress, groups and ACL at egress, closing `*` rules included.
base::Table rule_table(const Network& network, InterfaceIndex interface);

/// Both for all interfaces in one table, a row a rule, for programs.
base::Table network_table(const Network& network);

/// What is allowed but may not be meant: addresses that several VPCs share, groups that nobody
/// carries or that are not described.
std::vector<std::string> advice(const Network& network);

}  // namespace weir::vpc
