#include "explain/inference.h"

#include <algorithm>
#include <optional>

#include "packet/packet.h"

namespace weir::explain {
namespace {

using std::chrono::seconds;

// How long a security group surely remembers, and when it has surely forgotten (facts/flow-logs.md
// §8.2; for TCP without an answer, where AWS gives no figure, Linux's: docs/decisions.md).
constexpr seconds kTcpRemembered{120};
constexpr seconds kTcpIdle{350};  // an established connection's on Nitro v6
constexpr seconds kUdpRemembered{30};
constexpr seconds kOtherRemembered{600};
constexpr seconds kIcmpRemembered{30};

seconds remembered(std::uint8_t protocol) {
  switch (protocol) {
    case WEIR_TCP:
      return kTcpRemembered;
    case WEIR_UDP:
      return kUdpRemembered;
    case WEIR_ICMP:
    case WEIR_ICMPV6:
      return kIcmpRemembered;
    default:
      return kOtherRemembered;
  }
}

bool is_icmp(std::uint8_t protocol) {
  return protocol == WEIR_ICMP || protocol == WEIR_ICMPV6;
}

bool has_any(const LoggedFlow& flow, unsigned bits) {
  return (flow.tcp_flags.value_or(0) & bits) != 0;
}

/// Accepted flows of one direction that had begun when the refused one began, and those that came
/// after.
struct Accepted {
  std::vector<std::size_t> before;
  std::vector<std::size_t> after;
};

class Reasoning {
 public:
  Reasoning(const Conversation& conversation, std::size_t refused)
      : conversation_(conversation), refused_(conversation.flows[refused]) {
    for (std::size_t i = 0; i < conversation.flows.size(); ++i) {
      const LoggedFlow& flow = conversation.flows[i];
      if (!flow.is_accepted) continue;
      Accepted& side = Conversation::is_reverse(refused_, flow) ? replies_ : same_;
      (flow.start <= refused_.start ? side.before : side.after).push_back(i);
    }
  }

  Inference run(bool is_within_subnet) const {
    if (!same_.before.empty()) return let_through_before();
    if (!same_.after.empty()) return let_through_after();
    if (!replies_.before.empty()) return maybe_a_reply(is_within_subnet);
    if (is_within_subnet) return {Cause::security_group, Reason::within_the_subnet, {}};
    return {Cause::undecided, Reason::lone_request, {}};
  }

 private:
  [[nodiscard]] const LoggedFlow& at(std::size_t i) const { return conversation_.flows[i]; }

  /// Of the packets that were let through before, the last one's time.
  [[nodiscard]] base::UnixSeconds last_before() const {
    base::UnixSeconds last{};
    for (const auto* side : {&same_.before, &replies_.before}) {
      for (const std::size_t i : *side) last = std::max(last, at(i).end);
    }
    return last;
  }

  [[nodiscard]] bool any_before(bool (*is_so)(const LoggedFlow&)) const {
    for (const auto* side : {&same_.before, &replies_.before}) {
      for (const std::size_t i : *side) {
        if (is_so(at(i))) return true;
      }
    }
    return false;
  }

  /// The last of each side, as evidence.
  [[nodiscard]] std::vector<std::size_t> before() const {
    std::vector<std::size_t> evidence;
    for (const auto* side : {&same_.before, &replies_.before}) {
      if (!side->empty()) evidence.push_back(side->back());
    }
    return evidence;
  }

  /// The ACL let the same packets through, so it is not the ACL.
  [[nodiscard]] Inference let_through_before() const {
    const seconds silence = refused_.start - last_before();
    Inference changed{Cause::undecided, Reason::rules_changed, before()};
    if (is_icmp(conversation_.protocol)) {
      return {Cause::undecided, Reason::icmp_unknown, before()};
    }
    if (conversation_.protocol != WEIR_TCP) {
      if (silence <= remembered(conversation_.protocol)) return changed;
      return {Cause::security_group, Reason::tracking_ran_out, before()};
    }
    const bool has_flags =
        any_before([](const LoggedFlow& flow) { return flow.tcp_flags.has_value(); });
    const bool was_closed = any_before(
        [](const LoggedFlow& flow) { return has_any(flow, WEIR_TCP_FIN | WEIR_TCP_RST); });
    // Where AWS gives all flows of a window the same times, only the flags tell the order.
    if (has_flags ? !was_closed : silence < seconds(0)) return changed;
    if (silence > kTcpIdle || is_first_packet()) {
      return {Cause::undecided, Reason::too_late, before()};
    }
    return {Cause::connection_closed, Reason::after_the_close, before()};
  }

  /// Refused at first, let through later: somebody changed the rules, unless the other side opened
  /// the connection in between.
  [[nodiscard]] Inference let_through_after() const {
    const std::size_t same = same_.after.front();
    const bool other_side_opened = replies_.before.empty() && !replies_.after.empty() &&
                                   at(replies_.after.front()).start < at(same).start;
    if (is_icmp(conversation_.protocol) || !other_side_opened) {
      return {Cause::undecided, Reason::rules_changed, {same}};
    }
    return {Cause::security_group, Reason::opened_by_the_other, {replies_.after.front(), same}};
  }

  /// The other direction was let through, this one never was.
  [[nodiscard]] Inference maybe_a_reply(bool is_within_subnet) const {
    const std::size_t request = replies_.before.back();
    const seconds silence = refused_.start - last_before();
    if (is_within_subnet) return {Cause::undecided, Reason::rules_changed, {request}};
    if (is_icmp(conversation_.protocol) && !is_echoed(at(request), refused_)) {
      return {Cause::undecided, Reason::icmp_unknown, {request}};
    }
    // Within a second times do not tell the order, but the ports may.
    const bool is_request =
        at(request).start == refused_.start && is_from_client(refused_) && !knows_flags();
    const bool was_closed = silence > seconds(0) && any_before([](const LoggedFlow& flow) {
                              return has_any(flow, WEIR_TCP_FIN | WEIR_TCP_RST);
                            });
    if (is_first_packet() || is_request) {
      return {Cause::undecided, Reason::lone_request, {request}};
    }
    if (was_closed || silence > remembered(conversation_.protocol)) {
      return {Cause::undecided, Reason::too_late, {request}};
    }
    return {Cause::network_acl, Reason::reply_refused, {request}};
  }

  [[nodiscard]] bool knows_flags() const {
    return conversation_.protocol == WEIR_TCP && refused_.tcp_flags.has_value();
  }

  /// Nothing but a SYN: a request of its own.
  [[nodiscard]] bool is_first_packet() const {
    return refused_.tcp_flags == WEIR_TCP_SYN && conversation_.protocol == WEIR_TCP;
  }

  const Conversation& conversation_;
  const LoggedFlow& refused_;
  Accepted same_;
  Accepted replies_;
};

}  // namespace

bool is_echoed(const LoggedFlow& request, const LoggedFlow& reply) {
  return reply.packets != 0 && request.packets >= reply.packets &&
         request.bytes * reply.packets == reply.bytes * request.packets;
}

Inference infer(const Conversation& conversation, std::size_t flow, bool is_within_subnet) {
  return Reasoning(conversation, flow).run(is_within_subnet);
}

}  // namespace weir::explain
