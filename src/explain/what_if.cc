#include "explain/what_if.h"

#include <optional>

namespace weir::explain {
namespace {

struct Sides {
  weir_verdict now;
  weir_verdict proposed;
};

/// The flow that opened the conversation.
std::size_t opening(const Timeline& timeline) {
  const auto direction = timeline.steps.front().direction;
  std::size_t i = 0;
  while (timeline.steps[i].direction != direction || !timeline.steps[i].is_first) ++i;
  return timeline.steps[i].flow;
}

std::string rule_of(const policy::Policy& policy, const weir_verdict& verdict) {
  const bool is_acl = verdict.accept == 0 && verdict.cause == WEIR_CAUSE_NETWORK_ACL;
  return std::string(policy.rule_name(is_acl ? verdict.acl_rule : verdict.group_rule));
}

}  // namespace

void WhatIf::compare(const Conversation& conversation,
                     const std::function<void(const Change&)>& each) {
  const auto here = now_.network().find_interface(conversation.interface_id);
  const auto there = proposed_.network().find_interface(conversation.interface_id);
  std::optional<Replay::Reconstruction> reconstruction;
  if (here && there) reconstruction = now_.reconstruct(*here, conversation);
  if (!reconstruction) {
    counts_.not_described += conversation.flows.size();
    return;
  }
  const Timeline* timeline = &reconstruction->timeline;
  const auto now = now_.judge(*here, *timeline);
  const auto proposed = proposed_.judge(*there, *timeline);
  const std::size_t opener = opening(*timeline);
  const bool is_cut_off = conversation.flows[opener].is_accepted && now[opener].accept != 0 &&
                          proposed[opener].accept == 0;
  const auto pasts = timeline->pasts(conversation);
  for (std::size_t i = 0; i < conversation.flows.size(); ++i) {
    const LoggedFlow& flow = conversation.flows[i];
    if (flow.cause && !is_of_rules(*flow.cause)) continue;  // whatever the rules are
    Sides sides{now[i], proposed[i]};
    const Step& step = timeline->first_of(i);
    if (is_cut_off && sides.now.accept != 0) sides.proposed = proposed[opener];
    if (!flow.is_accepted && sides.now.accept != 0 && pasts[i].last) {
      // It would have passed as part of a connection, and did not: both judge it as a new one.
      const auto late = now_.judge_untracked(*here, step, pasts[i]);
      const auto late_proposed = proposed_.judge_untracked(*there, step, pasts[i]);
      if (late && late_proposed) sides = {*late, *late_proposed};
    }
    if (!counts_as_change(flow, sides.now.accept != 0, sides.proposed.accept != 0)) continue;
    Change change{conversation.interface_id, conversation.protocol, flow,
                  rule_of(proposed_.policy(), sides.proposed)};
    change.flow.direction = step.direction;
    each(change);
  }
}

bool WhatIf::counts_as_change(const LoggedFlow& flow, bool is_accepted_now, bool is_accepted_then) {
  if (is_accepted_now != flow.is_accepted) {
    ++counts_.disagreeing;
    return false;
  }
  ++counts_.flows;
  if (is_accepted_now == is_accepted_then) return false;
  (flow.is_accepted ? counts_.refused : counts_.accepted) += 1;
  (flow.is_accepted ? counts_.refused_bytes : counts_.accepted_bytes) += flow.bytes;
  return true;
}

}  // namespace weir::explain
