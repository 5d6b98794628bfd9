// The verdict on each packet at each interface: rules and connection tracking together.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "policy/policy.h"
#include "policy/tracker.h"

namespace weir::policy {

/// What a caller may keep with a flow (same interface, direction, far end, ports and protocol) so
/// that its next packet is judged faster. Forgetting it changes no verdict.
struct Memo {
  weir_opinion opinion{};
  std::uint32_t connection = Tracker::kNone;
  bool has_opinion = false;
};

/// Packets come in the order of their passing; `now` may step back, which ages nothing.
class Judge {
 public:
  /// `policy` outlives the judge.
  Judge(const Policy& policy, std::size_t max_connections)
      : policy_(policy), tracker_(max_connections) {}

  /// Judges a packet and, if it passes, takes note of its connection.
  weir_verdict judge(vpc::InterfaceIndex interface, vpc::Direction direction,
                     const weir_packet& packet, base::UnixMicros now, Memo& memo);

  /// What is judged next knows nothing of what was judged before.
  void forget_connections() { tracker_.clear(); }

  /// Connections that passed but could not be remembered: their replies may have been judged
  /// wrongly.
  [[nodiscard]] std::uint64_t connections_not_tracked() const { return not_tracked_; }

  void prefetch(const Memo& memo) const { tracker_.prefetch(memo.connection); }

 private:
  void remember(const weir_connection_key& key, std::uint32_t entry, std::uint32_t rule,
                vpc::Direction direction, const weir_packet& packet, std::uint64_t now, Memo& memo);

  const Policy& policy_;
  Tracker tracker_;
  std::uint64_t not_tracked_ = 0;
};

}  // namespace weir::policy
