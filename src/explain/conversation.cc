#include "explain/conversation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/number.h"

namespace weir::explain {
namespace {

// One end of a conversation as text; the lesser of the two ends comes first in its key.
constexpr const char* kKey =
    "interface_id, protocol, least(concat(srcaddr, ' ', srcport), concat(dstaddr, ' ', dstport)), "
    "greatest(concat(srcaddr, ' ', srcport), concat(dstaddr, ' ', dstport))";

/// What can be said of nothing without.
constexpr std::array<std::string_view, 9> kNeeded = {"interface-id", "srcaddr", "dstaddr",
                                                     "srcport",      "dstport", "protocol",
                                                     "start",        "end",     "action"};

// A log need not have log-status; what has no flow then has no action either.
constexpr const char* kIsFlow =
    "(log_status = 'OK' OR (log_status IS NULL AND (action IS NOT NULL OR srcaddr IS NOT NULL)))";

/// The record as text, in the order of the log's own fields.
std::string line_of(const std::vector<std::string>& fields) {
  std::string values;
  for (std::string name : fields) {
    std::replace(name.begin(), name.end(), '-', '_');
    values += fmt::format(", coalesce(\"{}\"::VARCHAR, '-')", name);
  }
  return "concat_ws(' '" + values + ")";
}

std::string sql_for(Wanted wanted, const std::vector<std::string>& fields) {
  const bool wants_all = wanted == Wanted::all;
  const std::string refused =
      wants_all ? ""
                : fmt::format(
                      " AND ({0}) IN (SELECT ({0}) FROM flow_logs WHERE {1} AND action = 'REJECT')",
                      kKey, kIsFlow);
  return fmt::format(
      "SELECT account_id, interface_id, protocol, srcaddr, dstaddr, srcport, dstport, packets, "
      "bytes, start, \"end\", action, tcp_flags, flow_direction, subnet_id, reject_reason, "
      "weir_reject_cause, weir_network_acl_rule, weir_security_group_rule, {} FROM flow_logs WHERE "
      "{}{} ORDER BY {}, start, \"end\", action, srcport, srcaddr",
      wants_all ? "NULL" : line_of(fields), kIsFlow, refused, kKey);
}

base::Expected<void> check_fields(query::Engine& engine) {
  const auto lacking = engine.lacking({kNeeded.begin(), kNeeded.end()});
  if (!lacking) return tl::unexpected(lacking.error());
  if (lacking->empty()) return {};
  return base::fail("the logs", fmt::format("have no {}", fmt::join(*lacking, ", ")),
                    "without, nothing can be said of a connection");
}

enum Cell : std::size_t {
  kAccount,
  kInterface,
  kProtocol,
  kSrcaddr,
  kDstaddr,
  kSrcport,
  kDstport,
  kPackets,
  kBytes,
  kStart,
  kEnd,
  kAction,
  kTcpFlags,
  kDirection,
  kSubnet,
  kRejectReason,
  kCause,
  kAclRule,
  kGroupRule,
  kRecord,
};

using Row = query::ResultSink::Row;

template <typename T>
std::optional<T> number(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  return base::whole_number<T>(*text);
}

std::optional<Cause> cause_of(const std::optional<std::string>& reject_reason,
                              const std::optional<std::string>& weir_cause) {
  if (reject_reason == "BPA") return Cause::block_public_access;
  if (reject_reason == "EC") return Cause::encryption_controls;
  for (const Cause cause : {Cause::security_group, Cause::network_acl, Cause::connection_closed}) {
    if (weir_cause && *weir_cause == to_string(cause)) return cause;
  }
  return std::nullopt;
}

std::optional<vpc::Direction> direction_of(const std::optional<std::string>& text) {
  for (const auto direction : {vpc::Direction::ingress, vpc::Direction::egress}) {
    if (text && *text == to_string(direction)) return direction;
  }
  return std::nullopt;
}

std::optional<LoggedFlow> flow_of(const Row& row) {
  LoggedFlow flow;
  const auto srcport = number<std::uint16_t>(row[kSrcport]);
  const auto dstport = number<std::uint16_t>(row[kDstport]);
  const auto start = number<std::int64_t>(row[kStart]);
  const auto end = number<std::int64_t>(row[kEnd]);
  constexpr std::int64_t kLatest = std::numeric_limits<std::int64_t>::max() / 4'000'000;
  if (!srcport || !dstport || !start || !end || *start < 0 || *end < *start || *end > kLatest ||
      !row[kAction] || !row[kSrcaddr] || !row[kDstaddr]) {
    return std::nullopt;
  }
  flow.srcaddr = *row[kSrcaddr];
  flow.dstaddr = *row[kDstaddr];
  flow.srcport = *srcport;
  flow.dstport = *dstport;
  flow.packets = number<std::uint64_t>(row[kPackets]).value_or(0);
  flow.bytes = number<std::uint64_t>(row[kBytes]).value_or(0);  // absent for AWS's BPA
  flow.start = base::UnixSeconds(std::chrono::seconds(*start));
  flow.end = base::UnixSeconds(std::chrono::seconds(*end));
  flow.is_accepted = *row[kAction] == "ACCEPT";
  flow.tcp_flags = number<std::uint8_t>(row[kTcpFlags]);
  flow.direction = direction_of(row[kDirection]);
  flow.subnet_id = row[kSubnet].value_or("");
  flow.cause = cause_of(row[kRejectReason], row[kCause]);
  flow.network_acl_rule = row[kAclRule].value_or("");
  flow.security_group_rule = row[kGroupRule].value_or("");
  flow.record = row[kRecord].value_or("");
  return flow;
}

/// Cuts the ordered rows into conversations.
class Collector : public query::ResultSink {
 public:
  explicit Collector(const std::function<void(const Conversation&)>& each) : each_(each) {}

  void columns(const std::vector<query::ResultColumn>& /*columns*/) override {}
  void row(Row row) override {
    auto flow = flow_of(row);
    const auto protocol = number<std::uint8_t>(row[kProtocol]);
    if (!flow || !protocol) {
      ++unusable_;
      return;
    }
    const std::string interface = row[kInterface].value_or("-");
    if (!belongs(interface, *protocol, *flow)) {
      pass_on();
      current_.account_id = row[kAccount].value_or("-");
      current_.interface_id = interface;
      current_.protocol = *protocol;
    }
    current_.flows.push_back(std::move(*flow));
  }
  void pass_on() {
    if (!current_.flows.empty()) each_(current_);
    current_.flows.clear();
  }
  [[nodiscard]] std::uint64_t unusable() const { return unusable_; }

 private:
  [[nodiscard]] bool belongs(const std::string& interface, std::uint8_t protocol,
                             const LoggedFlow& flow) const {
    if (current_.flows.empty() || current_.interface_id != interface ||
        current_.protocol != protocol) {
      return false;
    }
    const LoggedFlow& known = current_.flows.front();
    return Conversation::is_reverse(known, flow) ||
           (known.srcport == flow.srcport && known.dstport == flow.dstport &&
            known.srcaddr == flow.srcaddr && known.dstaddr == flow.dstaddr);
  }

  const std::function<void(const Conversation&)>& each_;
  Conversation current_;
  std::uint64_t unusable_ = 0;
};

}  // namespace

std::string_view to_string(Cause cause) {
  static constexpr std::array<std::string_view, 6> kNames = {"SECURITY_GROUP",
                                                             "NETWORK_ACL",
                                                             "CONNECTION_CLOSED",
                                                             "BPA",
                                                             "EC",
                                                             "SECURITY_GROUP_OR_NETWORK_ACL"};
  return kNames[static_cast<std::size_t>(cause)];
}

std::string_view to_string(Certainty certainty) {
  static constexpr std::array<std::string_view, 3> kNames = {"recorded", "evaluated", "inferred"};
  return kNames[static_cast<std::size_t>(certainty)];
}

base::Expected<std::uint64_t> for_each_conversation(
    query::Engine& engine, Wanted wanted, const std::function<void(const Conversation&)>& each) {
  if (auto fit = check_fields(engine); !fit) return tl::unexpected(fit.error());
  const auto fields = engine.fields();
  if (!fields) return tl::unexpected(fields.error());
  Collector collector(each);
  if (auto done = engine.run(sql_for(wanted, *fields), collector); !done) {
    return tl::unexpected(done.error());
  }
  collector.pass_on();
  return collector.unusable();
}

}  // namespace weir::explain
