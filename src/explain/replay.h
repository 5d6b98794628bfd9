// A conversation judged again, by the evaluator that records.
#pragma once

#include <optional>
#include <vector>

#include "explain/conversation.h"
#include "explain/timeline.h"
#include "policy/judge.h"
#include "policy/policy.h"
#include "vpc/network.h"

namespace weir::explain {

/// Judges timelines by the rules of one network. Not for several threads at once.
class Replay {
 public:
  /// Both outlive the replay; `policy` is compiled from `network`.
  Replay(const vpc::Network& network, const policy::Policy& policy);

  /// The verdict on the first packet of each flow, as if nothing had come before the timeline.
  std::vector<weir_verdict> judge(vpc::InterfaceIndex interface, const Timeline& timeline);

  struct Reconstruction {
    Timeline timeline;
    std::size_t contradictions = 0;  ///< accepted records that the rules refuse all the same
  };
  /// The timeline of a conversation that agrees best with what was recorded. Where a reply was let
  /// through that only connection tracking can have let through, the connection was there before
  /// the records begin. Nothing if there is no timeline.
  std::optional<Reconstruction> reconstruct(vpc::InterfaceIndex interface,
                                            const Conversation& conversation);

  /// The verdict on a packet that was refused although its connection seems to be tracked: it came
  /// before the connection, or after its close, or after the memory of it. Nothing if none of that
  /// can be: then other rules were in force.
  [[nodiscard]] std::optional<weir_verdict> judge_untracked(vpc::InterfaceIndex interface,
                                                            const Step& step,
                                                            const Past& past) const;

  [[nodiscard]] const vpc::Network& network() const { return network_; }
  [[nodiscard]] const policy::Policy& policy() const { return policy_; }

 private:
  const vpc::Network& network_;
  const policy::Policy& policy_;
  policy::Judge judge_;
};

}  // namespace weir::explain
