#include "explain/unused_rules.h"

#include <fmt/format.h>

#include "base/number.h"
#include "explain/icmp.h"
#include "vpc/show.h"

namespace weir::explain {

void RuleUse::note(const Conversation& conversation) {
  const auto interface = replay_.network().find_interface(conversation.interface_id);
  if (!interface) return;
  interfaces_.insert(conversation.interface_id);
  const auto reconstruction = replay_.reconstruct(*interface, conversation);
  if (!reconstruction) return;
  const Timeline& timeline = reconstruction->timeline;
  const auto verdicts = replay_.judge(*interface, timeline);
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    const bool is_accepted = conversation.flows[i].is_accepted;
    if (is_accepted && verdicts[i].accept == 0) ++disagreeing_;
    note(*interface, timeline.first_of(i), verdicts[i]);
  }
}

/// What an accepted packet passed by, and the entry of an ACL that denies.
void RuleUse::note(vpc::InterfaceIndex interface, const Step& step, const weir_verdict& verdict) {
  const policy::Policy& policy = replay_.policy();
  used_.emplace(policy.rule_name(verdict.acl_rule));
  used_.emplace(policy.rule_name(verdict.group_rule));
  // Whichever type of ICMP it was, its rule counts as needed.
  Step other = step;
  for (const IcmpType& icmp : icmp_types(step.packet.protocol)) {
    other.packet.icmp_type = icmp.type;
    other.packet.icmp_code = icmp.code;
    const weir_opinion opinion = policy.ask(interface, other.packet, step.direction);
    used_.emplace(policy.rule_name(opinion.acl_rule));
    used_.emplace(policy.rule_name(opinion.group_rule));
  }
}

base::Table RuleUse::unused() const {
  const base::Table rules = vpc::network_table(replay_.network());
  base::Table out{
      {{"direction"}, {"owner"}, {"rule"}, {"action"}, {"protocol"}, {"ports"}, {"peer"}, {"seen"}},
      {}};
  std::set<std::string> listed;
  std::set<std::string> owners_with_records;
  for (const auto& row : rules.rows) {
    if (interfaces_.contains(row[0])) owners_with_records.insert(row[2]);
  }
  for (const auto& row : rules.rows) {
    const std::string& direction = row[1];
    const std::string& owner = row[2];
    const std::string& rule = row[3];
    const std::string name = fmt::format("{}:{}:{}", owner, direction, rule);
    if (rule == "*" || used_.contains(name) || !listed.insert(name).second) continue;
    std::vector<std::string> cells(row.begin() + 1, row.end());
    cells.emplace_back(owners_with_records.contains(owner) ? "yes" : "no records");
    out.rows.push_back(std::move(cells));
  }
  return out;
}

base::Expected<Span> read_span(query::Engine& engine) {
  class Sink : public query::ResultSink {
   public:
    void columns(const std::vector<query::ResultColumn>& /*columns*/) override {}
    void row(Row row) override {
      const auto number = [](const std::optional<std::string>& text) {
        return text ? base::whole_number<std::int64_t>(*text).value_or(0) : 0;
      };
      const auto time = [&](const std::optional<std::string>& text) {
        return text ? std::optional(base::UnixSeconds(std::chrono::seconds(number(text))))
                    : std::nullopt;
      };
      span = {time(row[0]), time(row[1]), static_cast<std::uint64_t>(number(row[2])),
              static_cast<std::uint64_t>(number(row[3]))};
    }
    Span span;
  };
  Sink sink;
  auto done = engine.run(
      "SELECT min(start), max(\"end\"), count(*), count(*) FILTER (log_status = 'SKIPDATA') FROM "
      "flow_logs",
      sink);
  if (!done) return tl::unexpected(done.error());
  return sink.span;
}

}  // namespace weir::explain
