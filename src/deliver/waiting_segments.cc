#include "deliver/waiting_segments.h"

#include <algorithm>

namespace weir::deliver {

void WaitingSegments::add(std::uint64_t sequence, std::uint64_t bytes,
                          const std::optional<Sealing>& what) {
  Entry& entry = segments_[sequence];
  entry.bytes = bytes;
  if (what) {
    entry.sealing = to_json(*what);
    entry.since = what->coverage.first();
  }
  bytes_ += bytes;
}

void WaitingSegments::remove(std::uint64_t sequence) {
  const auto place = segments_.find(sequence);
  if (place == segments_.end()) return;
  bytes_ -= place->second.bytes;
  segments_.erase(place);
}

std::optional<std::uint64_t> WaitingSegments::oldest(
    const std::function<bool(std::uint64_t)>& is_wanted) const {
  const auto found = std::find_if(segments_.begin(), segments_.end(), [&](const auto& each) {
    return !each.second.is_taken && is_wanted(each.first);
  });
  return found == segments_.end() ? std::nullopt : std::optional(found->first);
}

std::optional<std::uint64_t> WaitingSegments::take(
    const std::function<bool(std::uint64_t)>& is_wanted) {
  const auto sequence = oldest(is_wanted);
  if (sequence) segments_.at(*sequence).is_taken = true;
  return sequence;
}

void WaitingSegments::give_back(std::uint64_t sequence) {
  const auto place = segments_.find(sequence);
  if (place != segments_.end()) place->second.is_taken = false;
}

std::optional<Sealing> WaitingSegments::sealing_of(std::uint64_t sequence) const {
  const auto place = segments_.find(sequence);
  if (place == segments_.end() || place->second.sealing.empty()) return std::nullopt;
  return sealing_of_json(place->second.sealing);
}

std::uint64_t WaitingSegments::bytes_not_taken() const {
  std::uint64_t bytes = 0;
  for (const auto& [sequence, entry] : segments_) bytes += entry.is_taken ? 0 : entry.bytes;
  return bytes;
}

std::optional<base::UnixSeconds> WaitingSegments::since() const {
  return segments_.empty() ? std::nullopt : segments_.begin()->second.since;
}

}  // namespace weir::deliver
