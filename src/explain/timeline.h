// A conversation's records as packets, in the order in which they must have come.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "explain/conversation.h"
#include "packet/packet.h"
#include "vpc/network.h"

namespace weir::explain {

/// A packet that stands for some of a record's.
struct Step {
  static constexpr std::size_t kUnrecorded = static_cast<std::size_t>(-1);

  std::size_t flow = kUnrecorded;  ///< whose; kUnrecorded: it came before the records begin
  vpc::Direction direction{};
  weir_packet packet{};
  base::UnixMicros time;
  bool is_first = false;  ///< of its record
};

/// What had been accepted of a conversation before some moment.
struct Past {
  std::optional<base::UnixMicros> last;  ///< nothing: nothing was
  bool is_open = false;  ///< something was, in an earlier second: it is not the order that is wrong
  bool may_be_closed = false;  ///< by the flags that were seen, or because the log has none
  bool goes_on = false;        ///< a record that began before ends later
  bool may_be_first = false;   ///< the packet itself looks like a request
};

/// Every flow has its first packet; a few more show how long the connection was alive.
struct Timeline {
  std::vector<Step> steps;
  std::vector<std::size_t> firsts;  ///< by flow: the place of its first step

  [[nodiscard]] const Step& first_of(std::size_t flow) const { return steps[firsts[flow]]; }
  /// By flow: what had been accepted when its first packet came.
  [[nodiscard]] std::vector<Past> pasts(const Conversation& conversation) const;
  /// The same with a packet of this direction before all others: the connection was there before
  /// the records begin. REQUIRES: some flow has this direction.
  [[nodiscard]] Timeline after_a_packet(vpc::Direction direction) const;
};

/// What records do not tell is taken as it most often is: packets spread evenly over their record;
/// within a second the one who opened the connection speaks first (a SYN tells who; else who was
/// earlier; else who speaks from a client's port to a service's; else who was let through, since a
/// refused request has no answer); ICMP is echo. Without directions in the log, they follow from
/// the interface's addresses in `network`. Nothing if an address cannot be read, or neither end is
/// the interface's.
std::optional<Timeline> timeline_of(const Conversation& conversation, const vpc::Network& network,
                                    vpc::InterfaceIndex interface);

}  // namespace weir::explain
