#include "policy/judge.h"

#include <algorithm>

namespace weir::policy {
namespace {

/// The type of ICMP and the missing ports of later fragments are not part of a flow, so one flow's
/// packets may differ in them.
bool differs_within_flow(const weir_packet& packet) {
  return packet.protocol == WEIR_ICMP || packet.protocol == WEIR_ICMPV6 ||
         packet.fragment != WEIR_WHOLE;
}

/// Microseconds since the epoch; a capture from before 1970 is as good as one from its first
/// moment.
std::uint64_t to_c(base::UnixMicros time) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0));
}

}  // namespace

weir_verdict Judge::judge(vpc::InterfaceIndex interface, vpc::Direction direction,
                          const weir_packet& packet, base::UnixMicros now, Memo& memo) {
  if (!memo.has_opinion || differs_within_flow(packet)) {
    memo.opinion = policy_.ask(interface, packet, direction);
    memo.has_opinion = !differs_within_flow(packet);
  }
  const weir_opinion opinion = memo.opinion;
  const int way = static_cast<int>(direction);
  if (opinion.exempt != 0) return weir_decide(&opinion, way, WEIR_UNKNOWN_CONNECTION, 0);

  const std::uint64_t micros = to_c(now);
  const weir_connection_key key = weir_key_of(static_cast<std::uint32_t>(interface), &packet, way);
  const std::uint32_t entry = tracker_.find(key, memo.connection);
  weir_tracking tracking = WEIR_UNKNOWN_CONNECTION;
  std::uint32_t opening_rule = WEIR_RULE_NONE;
  if (entry != Tracker::kNone) {
    memo.connection = entry;
    const weir_connection& connection = tracker_[entry].connection;
    tracking = weir_track(&key, &connection, &packet, way, micros);
    opening_rule = connection.opening_rule;
  }
  const weir_verdict verdict = weir_decide(&opinion, way, tracking, opening_rule);
  if (verdict.accept == 0) return verdict;

  if (tracking == WEIR_OWN_PACKET || tracking == WEIR_REPLY) {
    weir_advance(&tracker_[entry].connection, &packet, way, micros);
  } else if (opinion.untracked == 0 && weir_is_trackable(&packet) != 0) {
    remember(key, entry, verdict.group_rule, direction, packet, micros, memo);
  }
  if (packet.fragment == WEIR_FIRST_FRAGMENT) {
    weir_packet later = packet;  // a FIN or RST in the first fragment ends no datagram
    later.fragment = WEIR_LATER_FRAGMENT;
    const weir_connection_key rest =
        weir_key_of(static_cast<std::uint32_t>(interface), &later, way);
    Memo unused;
    remember(rest, tracker_.find(rest, Tracker::kNone), verdict.group_rule, direction, later,
             micros, unused);
  }
  return verdict;
}

void Judge::remember(const weir_connection_key& key, std::uint32_t entry, std::uint32_t rule,
                     vpc::Direction direction, const weir_packet& packet, std::uint64_t now,
                     Memo& memo) {
  const int way = static_cast<int>(direction);
  weir_connection connection = weir_open_connection(rule, way, now);
  weir_advance(&connection, &packet, way, now);
  if (entry != Tracker::kNone) {
    tracker_[entry].connection = connection;  // a connection that is over, under the same key
    return;
  }
  memo.connection = tracker_.add(key, connection, now);
  if (memo.connection == Tracker::kNone) ++not_tracked_;
}

}  // namespace weir::policy
