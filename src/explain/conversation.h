// Records of one conversation at one interface, both directions together: what every explanation
// starts from.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "base/time.h"
#include "query/engine.h"
#include "vpc/network.h"

namespace weir::explain {

/// Why a packet was refused, and how sure that is (the contract of `weir explain`).
enum class Cause : std::uint8_t {
  security_group,
  network_acl,
  connection_closed,
  block_public_access,  ///< AWS's reject-reason BPA
  encryption_controls,  ///< AWS's reject-reason EC
  undecided,            ///< SECURITY_GROUP_OR_NETWORK_ACL
};
enum class Certainty : std::uint8_t { recorded, evaluated, inferred };

std::string_view to_string(Cause cause);
std::string_view to_string(Certainty certainty);

/// Do rules of security groups and network ACLs decide it?
inline bool is_of_rules(Cause cause) {
  return cause != Cause::block_public_access && cause != Cause::encryption_controls;
}

/// One record of traffic. Addresses are kept as the log writes them: logs that are shown to
/// others have them blackened, and a conversation still has two ends.
struct LoggedFlow {
  std::string srcaddr;
  std::string dstaddr;
  std::uint16_t srcport = 0;
  std::uint16_t dstport = 0;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  base::UnixSeconds start;
  base::UnixSeconds end;
  bool is_accepted = false;
  std::optional<std::uint8_t> tcp_flags;  ///< nothing: the log does not have them
  std::optional<vpc::Direction> direction;
  std::string subnet_id;  ///< empty: the log does not have it
  /// From reject-reason or our own fields; nothing, or empty, where the log has none.
  std::optional<Cause> cause;
  std::string network_acl_rule;
  std::string security_group_rule;
  std::string
      record;  ///< as the log has it, `-` for what it lacks; only with Wanted::with_refusals
};

/// Clients on Linux speak from here on, and few services listen there (facts/flow-logs.md §8.3).
inline constexpr std::uint16_t kFirstLinuxPort = 32768;

/// From a client's port to a service's?
inline bool is_from_client(const LoggedFlow& flow) {
  return flow.srcport >= kFirstLinuxPort && flow.dstport < kFirstLinuxPort && flow.dstport != 0;
}

struct Conversation {
  std::string account_id;
  std::string interface_id;
  std::uint8_t protocol = 0;
  std::vector<LoggedFlow> flows;  ///< by start

  /// Are they in opposite directions?
  [[nodiscard]] static bool is_reverse(const LoggedFlow& a, const LoggedFlow& b) {
    return a.srcport == b.dstport && a.dstport == b.srcport && a.srcaddr == b.dstaddr &&
           a.dstaddr == b.srcaddr;
  }
};

enum class Wanted : std::uint8_t { all, with_refusals };

/// Runs a query that brings the records in order, and calls `each` for one conversation after the
/// other; memory holds one at a time. Returns how many records had to be left out because they lack
/// an address, a port, a time or an action. Errors: the logs lack a field that it takes; the
/// query's.
base::Expected<std::uint64_t> for_each_conversation(
    query::Engine& engine, Wanted wanted, const std::function<void(const Conversation&)>& each);

}  // namespace weir::explain
