#include "live/arena.h"

#include "packet/packet.h"

namespace weir::live {
namespace {

/// A slot has the low word of a time that has passed.
base::UnixMicros time_of(std::uint32_t jiffies, const Moment& now) {
  const auto ago = static_cast<std::uint32_t>(now.jiffies) - jiffies;
  // A packet that came after the moment, and before the halves were changed: it is of the moment.
  if (static_cast<std::int32_t>(ago) < 0) return now.wall;
  return now.wall - std::chrono::microseconds(std::uint64_t{ago} * 1'000'000 / now.hertz);
}

/// All but the addresses.
DrainedFlow flow_of(const weir_slot& slot, const Moment& now) {
  const auto point = static_cast<std::uint32_t>(slot.id >> WEIR_ID_POINT_SHIFT & (WEIR_POINTS - 1));
  DrainedFlow flow;
  flow.port = static_cast<Port>(point / 2);
  flow.direction = static_cast<vpc::Direction>(point % 2);
  flow.protocol = static_cast<std::uint8_t>(slot.id >> WEIR_ID_PROTOCOL_SHIFT);
  if (flow.protocol != WEIR_ICMP && flow.protocol != WEIR_ICMPV6) {
    flow.srcport = static_cast<std::uint16_t>(slot.id >> 16U);
    flow.dstport = static_cast<std::uint16_t>(slot.id);
  }
  flow.first = time_of(slot.first, now);
  flow.last = time_of(slot.last, now);
  flow.counters.packets = slot.packets;
  flow.counters.bytes = slot.bytes;
  flow.counters.group_rule = slot.group_rule;
  flow.counters.acl_rule = slot.acl_rule;
  flow.counters.tcp_flags = slot.tcp_flags;
  flow.counters.accept = slot.accept;
  flow.counters.cause = slot.cause;
  return flow;
}

/// Calls `complete` to set the addresses.
template <typename Complete>
void collect(weir_slot& slot, const Moment& now, std::span<PointAccount> points,
             const Datapath::Visit& visit, Complete complete) {
  DrainedFlow flow = flow_of(slot, now);
  PointAccount& point =
      points[2 * static_cast<std::size_t>(flow.port) + static_cast<std::size_t>(flow.direction)];
  if ((slot.marks & WEIR_SLOT_UNLOGGED) != 0) {
    point.not_logged += slot.packets;
  } else {
    point.recorded += slot.packets;
    complete(flow);
    visit(flow);
  }
  slot.id = 0;
}

}  // namespace

void collect_counts(std::span<weir_counts> half, std::size_t row, std::span<PointAccount> points) {
  for (std::size_t begin = 0; begin < half.size(); begin += row) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      weir_counts& counts = half[begin + i];
      for (std::size_t j = 0; j < WEIR_COUNTS; ++j) points[i].counts.of[j] += counts.of[j];
      counts = {};
    }
  }
}

void collect_flows(std::span<weir_slot> half, const Moment& now, std::span<PointAccount> points,
                   const Datapath::Visit& visit) {
  for (weir_slot& slot : half) {
    if (slot.id == 0) continue;
    collect(slot, now, points, visit, [&](DrainedFlow& flow) {
      flow.src = base::Address::from_ipv4(static_cast<std::uint32_t>(slot.addresses >> 32U));
      flow.dst = base::Address::from_ipv4(static_cast<std::uint32_t>(slot.addresses));
    });
  }
}

void collect_flows(std::span<weir_wide_slot> half, const Moment& now,
                   std::span<PointAccount> points, const Datapath::Visit& visit) {
  for (weir_wide_slot& wide : half) {
    if (wide.slot.id == 0) continue;
    collect(wide.slot, now, points, visit, [&](DrainedFlow& flow) {
      flow.src = packet::to_address(wide.src);
      flow.dst = packet::to_address(wide.dst);
    });
  }
}

}  // namespace weir::live
