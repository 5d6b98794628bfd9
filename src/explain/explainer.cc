#include "explain/explainer.h"

#include <algorithm>
#include <utility>

#include "explain/fix.h"
#include "explain/icmp.h"
#include "explain/inference.h"

namespace weir::explain {
namespace {

Cause cause_of(const weir_verdict& verdict) {
  switch (verdict.cause) {
    case WEIR_CAUSE_NETWORK_ACL:
      return Cause::network_acl;
    case WEIR_CAUSE_CONNECTION_CLOSED:
      return Cause::connection_closed;
    default:
      return Cause::security_group;
  }
}

Reason reason_of(Cause cause, std::string_view rule) {
  if (cause == Cause::block_public_access) return Reason::public_access_blocked;
  if (cause == Cause::encryption_controls) return Reason::encryption_required;
  if (cause == Cause::connection_closed) return Reason::connection_ended;
  if (cause == Cause::security_group) return Reason::no_group_rule;
  return !rule.empty() && rule.back() == '*' ? Reason::closing_rule : Reason::rule_denies;
}

/// The verdicts that refuse the packet, were it of one of these types and no part of a connection.
void add_refusals(const policy::Policy& policy, vpc::InterfaceIndex interface, Step step,
                  std::vector<weir_verdict>& refusals) {
  for (const IcmpType& icmp : icmp_types(step.packet.protocol)) {
    step.packet.icmp_type = icmp.type;
    step.packet.icmp_code = icmp.code;
    const weir_opinion opinion = policy.ask(interface, step.packet, step.direction);
    const weir_verdict verdict = weir_decide(&opinion, static_cast<int>(step.direction),
                                             WEIR_UNKNOWN_CONNECTION, WEIR_RULE_NONE);
    if (verdict.accept == 0) refusals.push_back(verdict);
  }
}

/// The rule of a network ACL that refuses an answer to the packet; empty: none does, or it is not
/// of a kind that is surely answered.
std::string reply_refused_by(const policy::Policy& policy, vpc::InterfaceIndex interface,
                             const Step& step) {
  if (step.packet.protocol != WEIR_TCP) return {};
  weir_packet reply = step.packet;
  std::swap(reply.src, reply.dst);
  std::swap(reply.srcport, reply.dstport);
  const auto back =
      step.direction == vpc::Direction::ingress ? vpc::Direction::egress : vpc::Direction::ingress;
  const weir_opinion opinion = policy.ask(interface, reply, back);
  return opinion.acl_allows != 0 ? std::string() : std::string(policy.rule_name(opinion.acl_rule));
}

/// What was accepted in the other direction before the flow; nullptr: nothing.
const LoggedFlow* request_of(const Conversation& conversation, const LoggedFlow& flow) {
  for (const LoggedFlow& other : conversation.flows) {
    if (other.is_accepted && other.start <= flow.start && Conversation::is_reverse(flow, other)) {
      return &other;
    }
  }
  return nullptr;
}

}  // namespace

/// A conversation judged by the rules of the description.
struct Explainer::Evaluation {
  vpc::InterfaceIndex interface;
  Timeline timeline;
  std::vector<weir_verdict> verdicts;
  std::vector<Past> pasts;
};

void Explainer::use(const vpc::Network& network, const policy::Policy& policy) {
  replay_.emplace(network, policy);
}

void Explainer::explain(const Conversation& conversation,
                        const std::function<void(const Finding&)>& each) {
  std::optional<Evaluation> evaluation;
  const auto interface =
      replay_ ? replay_->network().find_interface(conversation.interface_id) : std::nullopt;
  std::string interface_name;
  Description description = replay_ ? Description::lacks_interface : Description::none;
  if (interface) {
    interface_name = replay_->network()[*interface].name;
    if (auto reconstruction = replay_->reconstruct(*interface, conversation)) {
      // Rules that refuse what was accepted are not those that were in force.
      description =
          reconstruction->contradictions == 0 ? Description::agrees : Description::contradicted;
      if (description == Description::agrees) {
        Timeline timeline = std::move(reconstruction->timeline);
        auto verdicts = replay_->judge(*interface, timeline);
        auto pasts = timeline.pasts(conversation);
        evaluation =
            Evaluation{*interface, std::move(timeline), std::move(verdicts), std::move(pasts)};
      }
    }
  }
  for (std::size_t i = 0; i < conversation.flows.size(); ++i) {
    const LoggedFlow& flow = conversation.flows[i];
    if (flow.is_accepted) continue;
    Finding finding;
    finding.account_id = conversation.account_id;
    finding.interface_id = conversation.interface_id;
    finding.interface_name = interface_name;
    finding.protocol = conversation.protocol;
    finding.flow = flow;
    finding.description = description;
    finding.evidence.push_back(flow.record);
    if (evaluation) evaluate(conversation, *evaluation, i, finding);
    if (flow.cause) {
      take_recorded(*flow.cause, finding);
    } else if (finding.certainty != Certainty::evaluated) {
      conclude(conversation, i, finding);
    }
    if (finding.certainty != Certainty::inferred) add_request(conversation, finding);
    if (evaluation && finding.description == Description::agrees) add_fix(*evaluation, i, finding);
    each(finding);
  }
}

/// Leaves the finding as it is, but for `description`, where the rules let the packet through.
void Explainer::evaluate(const Conversation& conversation, const Evaluation& evaluation,
                         std::size_t flow, Finding& finding) const {
  const Step& step = evaluation.timeline.first_of(flow);
  const Past& past = evaluation.pasts[flow];
  finding.flow.direction = step.direction;
  const policy::Policy& policy = replay_->policy();
  std::vector<weir_verdict> refusals;
  const weir_verdict& judged = evaluation.verdicts[flow];
  if (judged.accept == 0) {
    refusals.push_back(judged);
  } else if (past.last) {
    const auto untracked = replay_->judge_untracked(evaluation.interface, step, past);
    if (untracked && untracked->accept == 0) refusals.push_back(*untracked);
  }
  const LoggedFlow* request = request_of(conversation, finding.flow);
  const bool is_echo_reply = request != nullptr && is_echoed(*request, finding.flow);
  if (refusals.empty() || !is_echo_reply) {
    add_refusals(policy, evaluation.interface, step, refusals);
  }
  if (refusals.empty()) {
    finding.description = Description::would_accept;
    return;
  }
  finding.certainty = Certainty::evaluated;
  const weir_verdict& first = refusals.front();
  const bool is_certain =
      std::all_of(refusals.begin(), refusals.end(),
                  [&](const weir_verdict& other) { return other.cause == first.cause; });
  if (!is_certain) {
    finding.cause = Cause::undecided;
    finding.reason = Reason::icmp_unknown;
    return;
  }
  finding.cause = cause_of(first);
  finding.rule =
      policy.rule_name(finding.cause == Cause::network_acl ? first.acl_rule : first.group_rule);
  finding.reason = reason_of(finding.cause, finding.rule);
}

void Explainer::add_request(const Conversation& conversation, Finding& finding) {
  const LoggedFlow* request = request_of(conversation, finding.flow);
  if (request == nullptr) return;
  finding.is_tracked_reply = true;
  finding.evidence.push_back(request->record);
}

void Explainer::conclude(const Conversation& conversation, std::size_t flow,
                         Finding& finding) const {
  const Inference inference = infer(conversation, flow, is_within_subnet(conversation.flows[flow]));
  finding.certainty = Certainty::inferred;
  finding.cause = inference.cause;
  finding.reason = inference.reason;
  for (const std::size_t other : inference.evidence) {
    finding.evidence.push_back(conversation.flows[other].record);
  }
}

void Explainer::add_fix(const Evaluation& evaluation, std::size_t flow, Finding& finding) const {
  // After the close there is nothing to let through: the next connection is a new one.
  if (finding.cause != Cause::security_group && finding.cause != Cause::network_acl) return;
  const Step& step = evaluation.timeline.first_of(flow);
  const bool is_tracked = finding.is_tracked_reply && finding.cause == Cause::network_acl;
  Fix fix = fix_for(replay_->network(), replay_->policy(), evaluation.interface, step.direction,
                    step.packet, is_tracked);
  finding.fix = std::move(fix.commands);
  finding.lacks_number = fix.lacks_number;
  if (!is_tracked) {
    finding.reply_refused_by = reply_refused_by(replay_->policy(), evaluation.interface, step);
  }
}

bool Explainer::is_within_subnet(const LoggedFlow& flow) const {
  if (flow.subnet_id.empty() || !flow.direction) return false;
  const auto peer =
      subnets_.find(*flow.direction == vpc::Direction::egress ? flow.dstaddr : flow.srcaddr);
  return peer != subnets_.end() && peer->second == flow.subnet_id;
}

void take_recorded(Cause cause, Finding& finding) {
  finding.cause = cause;
  finding.certainty = Certainty::recorded;
  if (finding.description == Description::would_accept || !is_of_rules(cause)) {
    finding.description = Description::agrees;
  }
  finding.rule = !is_of_rules(cause)           ? ""
                 : cause == Cause::network_acl ? finding.flow.network_acl_rule
                                               : finding.flow.security_group_rule;
  finding.reason = reason_of(cause, finding.rule);
}

base::Expected<Subnets> read_subnets(query::Engine& engine) {
  class Sink : public query::ResultSink {
   public:
    void columns(const std::vector<query::ResultColumn>& /*columns*/) override {}
    void row(Row row) override {
      auto [place, is_new] = subnets.try_emplace(row[0].value_or(""), row[1].value_or(""));
      if (!is_new) place->second.clear();
    }
    Subnets subnets;
  };
  // Of AWS's objects of the default format no record has to be read for that.
  const auto may_tell = engine.may_have({"subnet-id", "flow-direction"});
  if (!may_tell) return tl::unexpected(may_tell.error());
  if (!*may_tell) return Subnets();
  Sink sink;
  auto done = engine.run(
      "SELECT DISTINCT CASE flow_direction WHEN 'egress' THEN srcaddr ELSE dstaddr END, subnet_id "
      "FROM flow_logs WHERE subnet_id IS NOT NULL AND flow_direction IS NOT "
      "NULL",
      sink);
  if (!done) return tl::unexpected(done.error());
  return std::move(sink.subnets);
}

}  // namespace weir::explain
