#include "flow/windows.h"

#include <algorithm>

namespace weir::flow {

Windows::Windows(std::chrono::seconds length, std::size_t interfaces, WindowSink& sink,
                 Limits limits)
    : length_(length), interfaces_(interfaces), sink_(sink), limits_(limits) {}

base::Expected<void> Windows::pass(base::UnixMicros time) {
  const base::UnixSeconds second = base::second_of(time);
  const base::UnixSeconds start = base::aligned(second, length_);
  if (!frontier_) frontier_ = start;
  if (start < *frontier_) return turn_back(start);
  return advance(second, std::chrono::seconds(0));
}

base::Expected<Window*> Windows::at(base::UnixMicros time) {
  const base::UnixSeconds second = base::second_of(time);
  const base::UnixSeconds start = base::aligned(second, length_);
  if (!frontier_) frontier_ = start;
  if (auto done = advance(second, limits_.lateness); !done) return tl::unexpected(done.error());
  if (start < *frontier_) ++late_packets_;
  if (current_ == nullptr || current_->start != start) {
    if (auto done = select(start); !done) return tl::unexpected(done.error());
  }
  if (current_->table.size() >= room_) {
    if (auto done = make_room(); !done) return tl::unexpected(done.error());
  }
  return current_;
}

base::Expected<void> Windows::hand_over() {
  current_ = nullptr;
  for (auto* windows : {&open_, &late_}) {
    for (Window& window : *windows) {
      if (auto done = hand_over_window(window); !done) return done;
      window.table = Table(seed_);
      window.has_skipped.assign(interfaces_, false);
    }
  }
  return {};
}

base::Expected<void> Windows::finish() {
  if (!frontier_) return {};
  if (!open_.empty()) {
    const base::UnixSeconds end = open_.back().start + length_;
    if (auto done = advance(end, std::chrono::seconds(0)); !done) return done;
  }
  current_ = nullptr;
  for (const Window& window : late_) {
    if (auto done = hand_over_window(window); !done) return done;
  }
  late_.clear();
  return {};
}

void Windows::follow(const Windows& before,
                     std::span<const std::optional<vpc::InterfaceIndex>> now_at) {
  frontier_ = before.frontier_;
  told_ = before.told_;
  for (const Window& old : before.open_) {
    Window& window = open_.emplace_back(old.start, interfaces_, seed_);
    for (std::size_t i = 0; i < now_at.size(); ++i) {
      if (now_at[i]) window.has_traffic[static_cast<std::size_t>(*now_at[i])] = old.has_traffic[i];
    }
  }
}

base::Expected<void> Windows::turn_back(base::UnixSeconds start) {
  if (auto done = hand_over(); !done) return done;
  late_.clear();
  told_ = std::max(told_, *frontier_);
  if (told_ - start > limits_.silence) {
    // It was the time before that was wrong.
    open_.clear();
    told_ = start;
  }
  frontier_ = start;
  return sink_.completed(start);
}

base::Expected<void> Windows::advance(base::UnixSeconds now, std::chrono::seconds lateness) {
  if (now < *frontier_ + length_ + lateness) return {};
  current_ = nullptr;
  while (now >= *frontier_ + length_ + lateness) {
    const base::UnixSeconds next_traffic =
        open_.empty() ? base::aligned(now, length_) : open_.front().start;
    if (next_traffic - *frontier_ > limits_.silence) {
      ++clock_jumps_;
      frontier_ = next_traffic;
      continue;
    }
    if (auto done = close_frontier(); !done) return done;
  }
  return sink_.completed(*frontier_);
}

base::Expected<void> Windows::close_frontier() {
  const bool has_window = !open_.empty() && open_.front().start == *frontier_;
  const Window* window = has_window ? &open_.front() : nullptr;
  if (window != nullptr) {
    if (auto done = hand_over_window(*window); !done) return done;
  }
  if (auto done = report_silence(window); !done) return done;
  if (has_window) open_.pop_front();
  *frontier_ += length_;
  return {};
}

base::Expected<void> Windows::hand_over_window(const Window& window) {
  if (auto done = sink_.flows(window); !done) return done;
  for (std::size_t i = 0; i < interfaces_; ++i) {
    if (!window.has_skipped[i]) continue;
    auto done = sink_.skipped(static_cast<vpc::InterfaceIndex>(i), window.start);
    if (!done) return done;
  }
  return {};
}

base::Expected<void> Windows::report_silence(const Window* window) {
  if (*frontier_ < told_) return {};
  for (std::size_t i = 0; i < interfaces_; ++i) {
    if (window != nullptr && window->has_traffic[i]) continue;
    auto done = sink_.silence(static_cast<vpc::InterfaceIndex>(i), *frontier_);
    if (!done) return done;
  }
  return {};
}

base::Expected<void> Windows::select(base::UnixSeconds start) {
  if (start < *frontier_) {
    if (auto done = select_late(start); !done) return done;
  } else {
    auto place = std::find_if(open_.begin(), open_.end(),
                              [&](const Window& window) { return window.start >= start; });
    if (place == open_.end() || place->start != start) {
      place = open_.emplace(place, start, interfaces_, seed_);
    }
    current_ = &*place;
  }
  measure_room();
  return {};
}

base::Expected<void> Windows::select_late(base::UnixSeconds start) {
  auto place = std::find_if(late_.begin(), late_.end(),
                            [&](const Window& window) { return window.start == start; });
  if (place != late_.end()) {
    late_.splice(late_.begin(), late_, place);
  } else {
    if (late_.size() >= limits_.late_windows) {
      if (auto done = hand_over_window(late_.back()); !done) return done;
      late_.pop_back();
      if (auto done = sink_.completed(*frontier_); !done) return done;
    }
    late_.emplace_front(start, interfaces_, seed_);
  }
  current_ = &late_.front();
  return {};
}

base::Expected<void> Windows::make_room() {
  auto fuller = [](const Window& a, const Window& b) { return a.table.size() < b.table.size(); };
  Window* fullest = current_;
  for (auto* windows : {&open_, &late_}) {
    auto candidate = std::max_element(windows->begin(), windows->end(), fuller);
    if (candidate != windows->end() && fuller(*fullest, *candidate)) fullest = &*candidate;
  }
  if (auto done = sink_.flows(*fullest); !done) return done;
  fullest->table = Table(seed_);
  measure_room();
  return {};
}

void Windows::measure_room() {
  std::size_t others = 0;
  for (const auto* windows : {&open_, &late_}) {
    for (const Window& window : *windows) {
      if (&window != current_) others += window.table.size();
    }
  }
  room_ = limits_.flows - std::min(limits_.flows, others) + 1;
}

}  // namespace weir::flow
