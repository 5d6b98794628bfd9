#include "recorder/live_recorder.h"

#include <algorithm>

namespace weir::recorder {
namespace {

/// Flows of one drain come in no order, some of them on either side of a window's edge: `pass`
/// closes windows, not a flow, unless the clock has jumped.
constexpr std::chrono::seconds kLateness = std::chrono::hours(1);

}  // namespace

LiveRecorder::LiveRecorder(const vpc::Network& network, const policy::Policy& policy,
                           const AwsServices& services, const Settings& settings, RecordSink& sink)
    : keys_(network, services, settings.flow_log.log_format),
      maker_(network, policy, services, settings, sink),
      length_(settings.flow_log.max_aggregation_interval),
      windows_(settings.flow_log.max_aggregation_interval, network.interfaces.size(), maker_,
               {.flows = settings.max_flows, .lateness = kLateness}) {}

base::Expected<void> LiveRecorder::add(const live::DrainedFlow& flow,
                                       vpc::InterfaceIndex interface) {
  // The kernel's clock is coarse: what came just after the last drain may seem to be before it.
  const base::UnixMicros first = passed_ ? std::max(flow.first, *passed_) : flow.first;
  auto open = windows_.at(first);
  if (!open) return tl::unexpected(open.error());
  flow::Window& window = **open;
  flow::FlowKey key;
  key.src = flow.src;
  key.dst = flow.dst;
  key.interface = static_cast<std::uint32_t>(interface);
  key.srcport = flow.srcport;
  key.dstport = flow.dstport;
  key.protocol = flow.protocol;
  key.direction = static_cast<std::uint8_t>(flow.direction);
  keys_.show(key);
  // A drain is never done at the very edge: what came between lies in the window of the first.
  const base::UnixSeconds end = window.start + length_ - std::chrono::seconds(1);
  const auto second = [&](base::UnixMicros time) {
    return static_cast<std::uint16_t>(
        (std::min(base::second_of(time), end) - window.start).count());
  };
  flow::Counters counters = flow.counters;
  counters.first = second(first);
  counters.last = second(std::max(flow.last, first));
  window.table.add(window.table.find_or_add(key, window.table.hash(key)), counters);
  window.has_traffic[key.interface] = true;
  return {};
}

base::Expected<void> LiveRecorder::skipped(vpc::InterfaceIndex interface, base::UnixMicros time) {
  std::vector<bool> only(static_cast<std::size_t>(interface) + 1);
  only.back() = true;
  // The clock was set back: the flows of this drain lie in the window that was open before.
  if (passed_ && *passed_ > time) {
    if (auto done = missed(only, *passed_, *passed_); !done) return done;
  }
  return missed(only, std::min(passed_.value_or(time), time), time);
}

base::Expected<void> LiveRecorder::missed(const std::vector<bool>& interfaces,
                                          base::UnixMicros from, base::UnixMicros to) {
  const base::UnixSeconds last = base::aligned(base::second_of(to), length_);
  base::UnixSeconds start = base::aligned(base::second_of(from), length_);
  const bool is_long = last - start > flow::Windows::Limits{}.silence;
  for (; start <= last; start = is_long && start < last ? last : start + length_) {
    auto open = windows_.at(start);
    if (!open) return tl::unexpected(open.error());
    for (std::size_t i = 0; i < interfaces.size(); ++i) {
      if (interfaces[i]) (*open)->has_skipped[i] = (*open)->has_traffic[i] = true;
    }
  }
  return {};
}

void LiveRecorder::follow(const LiveRecorder& before,
                          std::span<const std::optional<vpc::InterfaceIndex>> now_at) {
  passed_ = before.passed_;
  windows_.follow(before.windows_, now_at);
}

base::Expected<void> LiveRecorder::pass(base::UnixMicros now) {
  passed_ = now;
  return windows_.pass(now);
}

}  // namespace weir::recorder
