#include "service/tally.h"

#include <algorithm>
#include <numeric>

namespace weir::service {

void PointFigures::add(const PointFigures& other) {
  seen += other.seen;
  accepted.packets += other.accepted.packets;
  accepted.bytes += other.accepted.bytes;
  rejected.packets += other.rejected.packets;
  rejected.bytes += other.rejected.bytes;
  overflow_accepted += other.overflow_accepted;
  overflow_rejected += other.overflow_rejected;
  overflow_not_logged += other.overflow_not_logged;
  not_logged += other.not_logged;
  not_ip += other.not_ip;
  truncated += other.truncated;
  malformed += other.malformed;
  not_judged += other.not_judged;
  mismatch += other.mismatch;
  not_tracked += other.not_tracked;
  forgotten_closed += other.forgotten_closed;
}

std::uint64_t DrainFigures::count() const {
  return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
}

void DrainFigures::add(std::chrono::duration<double> duration) {
  const auto* bound = std::lower_bound(kBounds.begin(), kBounds.end(), duration.count());
  ++buckets[static_cast<std::size_t>(bound - kBounds.begin())];
  sum += duration.count();
  last = std::chrono::round<std::chrono::microseconds>(duration);
}

PointFigures& Tally::figures(live::Port port, vpc::Direction direction, const std::string& id) {
  const auto index = static_cast<std::size_t>(port);
  if (index >= by_port_.size()) by_port_.resize(index + 1);
  Directions*& found = by_port_[index];
  if (found == nullptr) found = &by_id_[id];
  return (*found)[static_cast<std::size_t>(direction)];
}

void Tally::begin_drain(Clock::time_point start) {
  start_ = start;
  by_port_.clear();
  drains_.flows = drains_.ipv6_flows = 0;
}

void Tally::add(const live::DrainedFlow& flow, const std::string& id) {
  PointFigures& point = figures(flow.port, flow.direction, id);
  Traffic& traffic = flow.counters.accept != 0 ? point.accepted : point.rejected;
  traffic.packets += flow.counters.packets;
  traffic.bytes += flow.counters.bytes;
  ++(flow.src.family() == base::Family::ipv4 ? drains_.flows : drains_.ipv6_flows);
}

void Tally::add(const live::PointAccount& account, const std::string& id) {
  PointFigures& point = figures(account.port, account.direction, id);
  const auto& counts = account.counts.of;
  point.seen += account.seen();
  point.overflow_accepted += counts[WEIR_OVERFLOW_ACCEPT];
  point.overflow_rejected += counts[WEIR_OVERFLOW_REJECT];
  point.overflow_not_logged += counts[WEIR_OVERFLOW_UNLOGGED];
  point.not_logged += account.not_logged;
  point.not_ip += counts[WEIR_SEEN_NOT_IP];
  point.truncated += counts[WEIR_SEEN_TRUNCATED];
  point.malformed += counts[WEIR_SEEN_MALFORMED];
  point.not_judged += counts[WEIR_SEEN_UNJUDGED];
  point.not_tracked += counts[WEIR_NOT_TRACKED];
  point.forgotten_closed += counts[WEIR_FORGOTTEN_CLOSED];
  const auto [least, most] = std::minmax({account.seen(), account.accounted()});
  point.mismatch += most - least;
}

void Tally::end_drain(Clock::time_point end, base::UnixMicros now) {
  drains_.add(end - start_);
  drains_.at = now;
}

std::array<PointFigures, 2> Tally::at(const std::string& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? Directions{} : found->second;
}

}  // namespace weir::service
