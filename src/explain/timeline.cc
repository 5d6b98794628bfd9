#include "explain/timeline.h"

#include <algorithm>

namespace weir::explain {
namespace {

using vpc::Direction;

// Sparser than this no timeout of connection tracking lies (bpf/track.h: 10 s after a close).
constexpr std::chrono::seconds kLongestStep{10};
constexpr std::uint64_t kMostSteps = 64;  // AWS's longest window is 600 s

// AWS's bits in a record's tcp-flags (facts/flow-logs.md §1.4).
constexpr std::uint8_t kFin = WEIR_TCP_FIN;
constexpr std::uint8_t kSyn = WEIR_TCP_SYN;
constexpr std::uint8_t kRst = WEIR_TCP_RST;
constexpr std::uint8_t kAck = WEIR_TCP_ACK;

Direction opposite(Direction direction) {
  return direction == Direction::ingress ? Direction::egress : Direction::ingress;
}

std::optional<Direction> direction_of(const LoggedFlow& flow, const base::Address& src,
                                      const base::Address& dst,
                                      const vpc::NetworkInterface& interface) {
  if (flow.direction) return flow.direction;
  const auto& own = src.family() == base::Family::ipv4 ? interface.ipv4 : interface.ipv6;
  if (std::find(own.begin(), own.end(), src) != own.end()) return Direction::egress;
  if (std::find(own.begin(), own.end(), dst) != own.end()) return Direction::ingress;
  return std::nullopt;
}

std::optional<Direction> opened_by_flags(const Conversation& conversation,
                                         const std::vector<Direction>& directions) {
  for (std::size_t i = 0; i < directions.size(); ++i) {
    const std::uint8_t flags = conversation.flows[i].tcp_flags.value_or(0);
    if ((flags & kSyn) == 0) continue;
    return (flags & kAck) == 0 ? directions[i] : opposite(directions[i]);
  }
  return std::nullopt;
}

/// Who opened the conversation.
Direction opener(const Conversation& conversation, const std::vector<Direction>& directions) {
  if (const auto told = opened_by_flags(conversation, directions)) return *told;
  const auto& flows = conversation.flows;
  std::optional<std::size_t> earliest;
  for (std::size_t i = 0; i < flows.size(); ++i) {
    if (!earliest || flows[i].start < flows[*earliest].start) {
      earliest = i;
      continue;
    }
    const LoggedFlow& best = flows[*earliest];
    if (flows[i].start != best.start || directions[i] == directions[*earliest]) continue;
    const bool is_better = is_from_client(flows[i]) != is_from_client(best)
                               ? is_from_client(flows[i])
                               : flows[i].is_accepted && !best.is_accepted;
    if (is_better) earliest = i;
  }
  return directions[*earliest];
}

/// Where AWS gives all flows of a window the same times, nothing but the flags tells that a
/// connection was closed before.
bool shares_the_times_of_a_closed_one(const Conversation& conversation, const LoggedFlow& flow) {
  return flow.start != flow.end &&
         std::any_of(
             conversation.flows.begin(), conversation.flows.end(), [&](const LoggedFlow& other) {
               return other.is_accepted && other.start == flow.start && other.end == flow.end &&
                      (other.tcp_flags.value_or(0) & (kFin | kRst)) != 0;
             });
}

/// Was anything accepted both before the flow's first packet and after it?
bool goes_on_after(const Conversation& conversation, const LoggedFlow& flow) {
  return std::any_of(
      conversation.flows.begin(), conversation.flows.end(), [&](const LoggedFlow& other) {
        return other.is_accepted && other.start < flow.start && other.end > flow.start;
      });
}

class Builder {
 public:
  Builder(const Conversation& conversation, Direction opened_by)
      : conversation_(conversation), opened_by_(opened_by) {}

  void add(std::size_t number, Direction direction, const base::Address& src,
           const base::Address& dst) {
    const LoggedFlow& flow = conversation_.flows[number];
    Step step;
    step.flow = number;
    step.direction = direction;
    step.packet = packet_of(flow, src, dst, direction);
    const auto length = flow.end - flow.start;
    const auto wanted =
        std::min(static_cast<std::uint64_t>((length + kLongestStep) / kLongestStep), kMostSteps);
    const std::uint64_t gaps = flow.packets < 2 ? 0 : std::min(flow.packets - 1, wanted);
    const std::uint8_t flags = flow.tcp_flags.value_or(0);
    for (std::uint64_t i = 0; i <= gaps; ++i) {
      step.is_first = i == 0;
      step.time = flow.start;
      if (gaps != 0) {
        step.time += std::chrono::microseconds(length) * static_cast<std::int64_t>(i) /
                     static_cast<std::int64_t>(gaps);
      }
      if (conversation_.protocol == WEIR_TCP) {
        step.packet.tcp_bits =
            i == 0 && (flags & kSyn) != 0 ? static_cast<std::uint8_t>(flags & (kSyn | kAck)) : kAck;
        if (i == gaps) step.packet.tcp_bits |= flags & (kFin | kRst);
      }
      steps_.push_back(step);
    }
  }

  Timeline take() {
    std::stable_sort(steps_.begin(), steps_.end(), [this](const Step& a, const Step& b) {
      if (a.time != b.time) return a.time < b.time;
      return a.direction == opened_by_ && b.direction != opened_by_;
    });
    Timeline timeline{std::move(steps_), std::vector<std::size_t>(conversation_.flows.size())};
    for (std::size_t i = 0; i < timeline.steps.size(); ++i) {
      if (timeline.steps[i].is_first) timeline.firsts[timeline.steps[i].flow] = i;
    }
    return timeline;
  }

 private:
  [[nodiscard]] weir_packet packet_of(const LoggedFlow& flow, const base::Address& src,
                                      const base::Address& dst, Direction direction) const {
    weir_packet packet{};
    packet.src = packet::to_c(src);
    packet.dst = packet::to_c(dst);
    packet.family = src.family() == base::Family::ipv4 ? WEIR_IPV4 : WEIR_IPV6;
    packet.protocol = conversation_.protocol;
    packet.srcport = flow.srcport;
    packet.dstport = flow.dstport;
    const bool is_request = direction == opened_by_;
    if (packet.protocol == WEIR_ICMP) packet.icmp_type = is_request ? 8 : 0;
    if (packet.protocol == WEIR_ICMPV6) packet.icmp_type = is_request ? 128 : 129;
    const bool has_ports = packet.protocol == WEIR_TCP || packet.protocol == WEIR_UDP;
    // Fragments after the first are recorded without ports (docs/decisions.md).
    if (has_ports && flow.srcport == 0 && flow.dstport == 0) packet.fragment = WEIR_LATER_FRAGMENT;
    return packet;
  }

  const Conversation& conversation_;
  Direction opened_by_;
  std::vector<Step> steps_;
};

}  // namespace

std::vector<Past> Timeline::pasts(const Conversation& conversation) const {
  std::vector<Past> out(firsts.size());
  std::optional<base::UnixMicros> first;
  std::optional<base::UnixMicros> last;
  bool has_flags = false;
  unsigned fins = 0;  // a bit for each direction
  bool was_reset = false;
  for (const Step& step : steps) {
    const bool is_recorded = step.flow != Step::kUnrecorded;
    if (step.is_first) {
      const bool is_open = first && base::second_of(*first) < base::second_of(step.time);
      const LoggedFlow& flow = conversation.flows[step.flow];
      out[step.flow] = {last, is_open, !has_flags || was_reset || fins == 3,
                        goes_on_after(conversation, flow),
                        is_from_client(flow) || flow.tcp_flags == kSyn};
    }
    if (is_recorded && !conversation.flows[step.flow].is_accepted) continue;
    if (!first) first = step.time;
    last = step.time;
    has_flags |= is_recorded && conversation.flows[step.flow].tcp_flags.has_value();
    was_reset |= (step.packet.tcp_bits & kRst) != 0;
    if ((step.packet.tcp_bits & kFin) != 0) fins |= 1U << static_cast<unsigned>(step.direction);
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (shares_the_times_of_a_closed_one(conversation, conversation.flows[i])) {
      out[i].is_open = out[i].may_be_closed = true;
    }
  }
  return out;
}

Timeline Timeline::after_a_packet(vpc::Direction direction) const {
  Timeline later = *this;
  Step earlier = *std::find_if(steps.begin(), steps.end(), [direction](const Step& step) {
    return step.direction == direction;
  });
  earlier.flow = Step::kUnrecorded;
  earlier.is_first = false;
  earlier.packet.tcp_bits = kAck;
  earlier.time = steps.front().time;
  later.steps.insert(later.steps.begin(), earlier);
  for (std::size_t& first : later.firsts) ++first;
  return later;
}

std::optional<Timeline> timeline_of(const Conversation& conversation, const vpc::Network& network,
                                    vpc::InterfaceIndex interface) {
  std::vector<Direction> directions;
  std::vector<std::pair<base::Address, base::Address>> ends;
  for (const LoggedFlow& flow : conversation.flows) {
    const auto src = base::Address::parse(flow.srcaddr);
    const auto dst = base::Address::parse(flow.dstaddr);
    if (!src || !dst || src->family() != dst->family()) return std::nullopt;
    const auto direction = direction_of(flow, *src, *dst, network[interface]);
    if (!direction) return std::nullopt;
    directions.push_back(*direction);
    ends.emplace_back(*src, *dst);
  }
  Builder builder(conversation, opener(conversation, directions));
  for (std::size_t i = 0; i < directions.size(); ++i) {
    builder.add(i, directions[i], ends[i].first, ends[i].second);
  }
  return builder.take();
}

}  // namespace weir::explain
