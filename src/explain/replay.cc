#include "explain/replay.h"

#include <algorithm>

namespace weir::explain {
namespace {

/// A conversation has one connection, and a few of fragments.
constexpr std::size_t kConnections = 64;

/// Accepted records that the verdicts refuse.
std::size_t contradictions(const Conversation& conversation,
                           const std::vector<weir_verdict>& verdicts) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    if (conversation.flows[i].is_accepted && verdicts[i].accept == 0) ++count;
  }
  return count;
}

bool has(const Timeline& timeline, vpc::Direction direction) {
  return std::any_of(timeline.steps.begin(), timeline.steps.end(),
                     [direction](const Step& step) { return step.direction == direction; });
}

}  // namespace

Replay::Replay(const vpc::Network& network, const policy::Policy& policy)
    : network_(network), policy_(policy), judge_(policy, kConnections) {}

std::vector<weir_verdict> Replay::judge(vpc::InterfaceIndex interface, const Timeline& timeline) {
  judge_.forget_connections();
  std::vector<weir_verdict> verdicts(timeline.firsts.size());
  std::vector<policy::Memo> memos(timeline.firsts.size() +
                                  1);  // the last is the unrecorded packet's
  for (const Step& step : timeline.steps) {
    policy::Memo& memo = memos[std::min(step.flow, timeline.firsts.size())];
    const weir_verdict verdict =
        judge_.judge(interface, step.direction, step.packet, step.time, memo);
    if (step.is_first) verdicts[step.flow] = verdict;
  }
  return verdicts;
}

std::optional<Replay::Reconstruction> Replay::reconstruct(vpc::InterfaceIndex interface,
                                                          const Conversation& conversation) {
  const auto as_recorded = timeline_of(conversation, network_, interface);
  if (!as_recorded) return std::nullopt;
  Reconstruction best{*as_recorded, contradictions(conversation, judge(interface, *as_recorded))};
  for (const auto direction : {vpc::Direction::ingress, vpc::Direction::egress}) {
    if (best.contradictions == 0) break;
    if (!has(*as_recorded, direction)) continue;
    Timeline other = as_recorded->after_a_packet(direction);
    const std::size_t count = contradictions(conversation, judge(interface, other));
    if (count < best.contradictions) best = {std::move(other), count};
  }
  return best;
}

std::optional<weir_verdict> Replay::judge_untracked(vpc::InterfaceIndex interface, const Step& step,
                                                    const Past& past) const {
  const bool is_tcp = step.packet.protocol == WEIR_TCP;
  if ((is_tcp && past.goes_on) || (!past.is_open && !past.may_be_first)) return std::nullopt;
  const weir_opinion opinion = policy_.ask(interface, step.packet, step.direction);
  constexpr std::chrono::microseconds kRemembered(WEIR_TIMEOUT_CLOSING + WEIR_TIMEOUT_CLOSED);
  const bool is_new = (step.packet.tcp_bits & (WEIR_TCP_SYN | WEIR_TCP_ACK)) == WEIR_TCP_SYN;
  const bool was_closed = is_tcp && !is_new && past.is_open && past.may_be_closed &&
                          step.time - *past.last <= kRemembered;
  return weir_decide(&opinion, static_cast<int>(step.direction),
                     was_closed ? WEIR_AFTER_THE_CLOSE : WEIR_UNKNOWN_CONNECTION, WEIR_RULE_NONE);
}

}  // namespace weir::explain
