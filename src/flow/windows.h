// Aggregation windows: which are open, when they close, and which interfaces were silent in them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "flow/table.h"

namespace weir::flow {

struct Window {
  Window(base::UnixSeconds window_start, std::size_t interfaces, std::uint64_t seed)
      : start(window_start), table(seed), has_traffic(interfaces), has_skipped(interfaces) {}

  base::UnixSeconds start;
  Table table;
  std::vector<bool> has_traffic;  ///< by interface
  std::vector<bool> has_skipped;  ///< by interface: packets that no flow could count
};

/// Who takes what a window held. After an error nothing more is handed over.
class WindowSink {
 public:
  virtual ~WindowSink() = default;
  /// The flows of a window that closes. A window may come several times (see Windows).
  virtual base::Expected<void> flows(const Window& window) = 0;
  /// Not all of an interface's traffic is in the flows of the window that starts at `start`.
  virtual base::Expected<void> skipped(vpc::InterfaceIndex interface, base::UnixSeconds start) = 0;
  /// An interface had no traffic in the window that starts at `start`.
  virtual base::Expected<void> silence(vpc::InterfaceIndex interface, base::UnixSeconds start) = 0;
  /// Every window that ends at or before `time` has been handed over.
  virtual base::Expected<void> completed(base::UnixSeconds time) = 0;
};

/// Windows are aligned to multiples of their length since the epoch. One closes when a packet comes
/// that is `lateness` past its end. A packet of a window that has closed opens it again and makes
/// further records there: nothing is lost, but the window may already have been called silent. The
/// same happens when there are more flows than memory is meant for: the fullest windows are handed
/// over early, and what follows makes further records (AWS: a record may cover less than the
/// interval).
class Windows {
 public:
  struct Limits {
    std::size_t flows = 2'000'000;
    std::size_t late_windows = 3;
    /// How long after its end a window waits for packets.
    std::chrono::seconds lateness = std::chrono::minutes(1);
    /// A clock that jumps further than this has not been silent all that time.
    std::chrono::seconds silence = std::chrono::hours(24);
  };

  /// `sink` outlives the windows.
  Windows(std::chrono::seconds length, std::size_t interfaces, WindowSink& sink, Limits limits);

  /// The window that a packet of this time belongs to; valid until the next call.
  base::Expected<Window*> at(base::UnixMicros time);

  /// Every packet before `time` has come: windows that have ended close. If the clock was set back,
  /// to before the open ones, all are handed over, and it goes on from there: windows that are
  /// visited a second time are not called silent, unless it was for longer than `silence`.
  base::Expected<void> pass(base::UnixMicros time);

  /// Of the flows' hashes, the same in all windows.
  [[nodiscard]] std::uint64_t hash_seed() const { return seed_; }

  /// Hands over what open windows have so far; what follows makes further records of them.
  base::Expected<void> hand_over();
  /// Hands over everything.
  base::Expected<void> finish();

  /// Goes on after `before`, which has handed over what it had: an interface that had traffic there
  /// is not called silent here. `now_at` has, by interface of `before`, its index here. REQUIRES:
  /// windows of the same length; nothing was added yet.
  void follow(const Windows& before, std::span<const std::optional<vpc::InterfaceIndex>> now_at);

  /// Packets that came after their window had closed.
  [[nodiscard]] std::uint64_t late_packets() const { return late_packets_; }
  /// Jumps of the clock for whose duration no silence was reported.
  [[nodiscard]] std::uint64_t clock_jumps() const { return clock_jumps_; }

 private:
  base::Expected<void> turn_back(base::UnixSeconds start);
  base::Expected<void> advance(base::UnixSeconds now, std::chrono::seconds lateness);
  base::Expected<void> close_frontier();
  base::Expected<void> hand_over_window(const Window& window);
  base::Expected<void> report_silence(const Window* window);
  base::Expected<void> select(base::UnixSeconds start);
  base::Expected<void> select_late(base::UnixSeconds start);
  base::Expected<void> make_room();
  void measure_room();

  std::uint64_t seed_ = base::random_seed();
  std::chrono::seconds length_;
  std::size_t interfaces_;
  WindowSink& sink_;
  Limits limits_;
  /// Windows before it have been handed over; nothing before the first packet.
  std::optional<base::UnixSeconds> frontier_;
  base::UnixSeconds told_ = base::UnixSeconds::min();  ///< silence before then was reported
  std::list<Window> open_;                             ///< from the frontier on, ascending
  std::list<Window> late_;  ///< before the frontier, the latest used first
  Window* current_ = nullptr;
  std::size_t room_ = 0;  ///< flows that the current window may have
  std::uint64_t late_packets_ = 0;
  std::uint64_t clock_jumps_ = 0;
};

}  // namespace weir::flow
