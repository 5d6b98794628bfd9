#include "deliver/coverage.h"

#include <algorithm>
#include <iterator>

namespace weir::deliver {
namespace {

using Spans = Coverage::Spans;

/// The first span that ends at or after `time`.
Spans::iterator reaching(Spans& spans, base::UnixSeconds time) {
  auto at = spans.upper_bound(time);
  if (at != spans.begin() && std::prev(at)->second >= time) --at;
  return at;
}

void add_span(Spans& spans, base::UnixSeconds start, base::UnixSeconds end) {
  auto at = reaching(spans, start);
  if (at != spans.end() && at->first <= start && at->second >= end) return;
  while (at != spans.end() && at->first <= end) {
    start = std::min(start, at->first);
    end = std::max(end, at->second);
    at = spans.erase(at);
  }
  spans.emplace(start, end);
}

void remove_span(Spans& spans, base::UnixSeconds start, base::UnixSeconds end) {
  auto at = reaching(spans, start);
  while (at != spans.end() && at->first < end) {
    const auto [first, last] = *at;
    at = spans.erase(at);
    if (first < start) spans.emplace(first, std::min(last, start));
    if (last > end) spans.emplace(std::max(first, end), last);
  }
}

}  // namespace

void Coverage::add(std::string_view interface_id, base::UnixSeconds start, base::UnixSeconds end) {
  if (start >= end) return;
  auto place = interfaces_.find(interface_id);
  if (place == interfaces_.end()) place = interfaces_.emplace(interface_id, Spans()).first;
  add_span(place->second, start, end);
}

void Coverage::add(const Coverage& other) {
  for (const auto& [id, spans] : other.interfaces_) {
    for (const auto& [start, end] : spans) add(id, start, end);
  }
}

std::optional<base::UnixSeconds> Coverage::first() const {
  std::optional<base::UnixSeconds> out;
  for (const auto& [id, spans] : interfaces_) {
    const base::UnixSeconds begin = spans.begin()->first;
    out = std::min(out.value_or(begin), begin);
  }
  return out;
}

void Coverage::remove(const Coverage& other) {
  for (const auto& [id, spans] : other.interfaces_) {
    const auto mine = interfaces_.find(id);
    if (mine == interfaces_.end()) continue;
    for (const auto& [start, end] : spans) remove_span(mine->second, start, end);
    if (mine->second.empty()) interfaces_.erase(mine);
  }
}

void add_window(Coverage& coverage, std::string_view interface_id, base::UnixSeconds end,
                std::chrono::seconds length) {
  const base::UnixSeconds start = base::aligned(end, length);
  coverage.add(interface_id, start, start + length);
}

}  // namespace weir::deliver
