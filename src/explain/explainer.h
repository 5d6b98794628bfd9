// Why each refused record was refused.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "explain/finding.h"
#include "explain/replay.h"
#include "policy/policy.h"
#include "vpc/network.h"

namespace weir::explain {

/// The subnet of each address that the logs show as an interface's own; empty text: several.
using Subnets = std::unordered_map<std::string, std::string>;

/// Tells causes in the best grade of certainty that there is: from our own fields; against a
/// description, if there is one and it explains the refusal; else from the records alone.
class Explainer {
 public:
  /// `subnets` outlives the explainer.
  explicit Explainer(const Subnets& subnets) : subnets_(subnets) {}
  /// The description and its policy outlive the explainer.
  void use(const vpc::Network& network, const policy::Policy& policy);

  /// Calls `each` for every refused flow of the conversation.
  void explain(const Conversation& conversation, const std::function<void(const Finding&)>& each);

 private:
  struct Evaluation;

  void evaluate(const Conversation& conversation, const Evaluation& evaluation, std::size_t flow,
                Finding& finding) const;
  void conclude(const Conversation& conversation, std::size_t flow, Finding& finding) const;
  void add_fix(const Evaluation& evaluation, std::size_t flow, Finding& finding) const;
  static void add_request(const Conversation& conversation, Finding& finding);
  [[nodiscard]] bool is_within_subnet(const LoggedFlow& flow) const;

  const Subnets& subnets_;
  std::optional<Replay> replay_;
};

/// Fills in what a record with our own fields says of its cause: cause, reason, rule.
void take_recorded(Cause cause, Finding& finding);

/// Reads `subnets` from logs that have subnet-id and flow-direction; nothing from others.
base::Expected<Subnets> read_subnets(query::Engine& engine);

}  // namespace weir::explain
