// What would become of recorded flows under other rules.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "explain/conversation.h"
#include "explain/replay.h"

namespace weir::explain {

/// A flow that the proposed rules treat otherwise than it was treated.
struct Change {
  std::string interface_id;
  std::uint8_t protocol = 0;
  LoggedFlow flow;
  std::string rule;  ///< of the proposed ones, that decides; empty: none is asked
};

/// Compares two descriptions of the same network over recorded conversations, each at its own
/// interface. With the opening of a conversation all of it is refused: nobody answers a request
/// that does not arrive.
class WhatIf {
 public:
  /// Both outlive it.
  WhatIf(Replay& now, Replay& proposed) : now_(now), proposed_(proposed) {}

  void compare(const Conversation& conversation, const std::function<void(const Change&)>& each);

  struct Counts {
    std::uint64_t flows = 0;          ///< compared
    std::uint64_t not_described = 0;  ///< of interfaces that either description lacks
    std::uint64_t disagreeing = 0;    ///< left out: today's rules do not explain what was recorded
    std::uint64_t accepted = 0;       ///< were refused, would be accepted
    std::uint64_t accepted_bytes = 0;
    std::uint64_t refused = 0;  ///< were accepted, would be refused
    std::uint64_t refused_bytes = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  /// Counts the flow; true if the proposed rules treat it otherwise.
  bool counts_as_change(const LoggedFlow& flow, bool is_accepted_now, bool is_accepted_then);

  Replay& now_;
  Replay& proposed_;
  Counts counts_;
};

}  // namespace weir::explain
