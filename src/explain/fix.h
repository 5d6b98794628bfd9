// The narrow change of rules that would let a packet through, as commands of the AWS CLI.
#pragma once

#include <string>

#include "policy/policy.h"
#include "vpc/network.h"

namespace weir::explain {

struct Fix {
  std::string commands;       ///< joined by " && "; empty: there is none
  bool lacks_number = false;  ///< because no number is free before the entry that denies
};

/// What lets exactly this packet's kind through at the interface: one
/// address, one port (all types for ICMP, which records do not tell). `is_tracked`: the security
/// groups let it through already, as part of a connection. Numbers of network ACL entries are
/// chosen among those that are free in the description, before the entry that denies.
Fix fix_for(const vpc::Network& network, const policy::Policy& policy,
            vpc::InterfaceIndex interface, vpc::Direction direction, const weir_packet& packet,
            bool is_tracked);

}  // namespace weir::explain
