// The cause of a refusal from the records alone: what an expert concludes without the rules.
#pragma once

#include <cstddef>
#include <vector>

#include "explain/finding.h"

namespace weir::explain {

struct Inference {
  Cause cause = Cause::undecided;
  Reason reason = Reason::lone_request;
  std::vector<std::size_t> evidence;  ///< places in the conversation's flows
};

/// Do they look like echo requests and their replies? A reply is as long as its request, and there
/// are no more of them.
bool is_echoed(const LoggedFlow& request, const LoggedFlow& reply);

/// It rests on two facts. A network ACL judges each packet alone, so what it once lets through it
/// always lets through; a security group lets through the replies to what it let through, as long
/// as it remembers (facts/flow-logs.md §8.2, §8.3, §8.5). So a reply refused after its request was
/// accepted is the ACL's doing, unless it came after the close or after the memory of it; and a
/// flow that was let through before is not.
///
/// `is_within_subnet`: both ends are in one subnet, where no ACL is asked. REQUIRES: the flow was
/// refused.
Inference infer(const Conversation& conversation, std::size_t flow, bool is_within_subnet);

}  // namespace weir::explain
