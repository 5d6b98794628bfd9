// From what the kernel recorded to flow-log records: the same windows, the same records as a
// capture's.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "flow/windows.h"
#include "live/datapath.h"
#include "recorder/flow_keys.h"
#include "recorder/record_maker.h"
#include "recorder/recorder.h"

namespace weir::recorder {

/// For one thread. A drained flow lies in the window of its first packet, and its record ends
/// there: who drains when a window ends has no flow that reaches over its edge by more than the
/// drain's own delay.
class LiveRecorder {
 public:
  /// All of them outlive it. `policy` names the rules of all that were published.
  LiveRecorder(const vpc::Network& network, const policy::Policy& policy,
               const AwsServices& services, const Settings& settings, RecordSink& sink);

  /// A flow of `interface`. Errors: the sink's; nothing may follow one.
  base::Expected<void> add(const live::DrainedFlow& flow, vpc::InterfaceIndex interface);
  /// Some of the interface's packets could not be kept, among those that were drained at `time`:
  /// each window that the drained time touches gets a SKIPDATA record.
  base::Expected<void> skipped(vpc::InterfaceIndex interface, base::UnixMicros time);
  /// Records of the window that starts at `start` were lost after they had been made: it gets a
  /// further SKIPDATA record.
  base::Expected<void> lost(vpc::InterfaceIndex interface, base::UnixSeconds start) {
    return maker_.skipped(interface, start);
  }
  /// Nobody recorded these interfaces (by index; those further on are not meant) from `from` up to
  /// `to`: each window that this touches gets a SKIPDATA record; if it is more than a day, only the
  /// first and the last one do.
  base::Expected<void> missed(const std::vector<bool>& interfaces, base::UnixMicros from,
                              base::UnixMicros to);
  /// All flows before `now` were added: windows that have ended close, and interfaces without
  /// traffic get their NODATA.
  base::Expected<void> pass(base::UnixMicros now);
  /// The same, but windows that have ended wait, for an hour at most.
  void hold(base::UnixMicros now) { passed_ = now; }
  /// Hands over what there is; what follows makes further records of the same windows.
  base::Expected<void> hand_over() { return windows_.hand_over(); }
  /// Goes on after `before`, of the same windows and other descriptions, which has handed over what
  /// it had. `now_at` has, by interface of `before`, its index here.
  void follow(const LiveRecorder& before,
              std::span<const std::optional<vpc::InterfaceIndex>> now_at);

 private:
  FlowKeys keys_;
  RecordMaker maker_;
  std::chrono::seconds length_;  ///< of a window
  flow::Windows windows_;
  std::optional<base::UnixMicros> passed_;  ///< nothing drained is older
};

}  // namespace weir::recorder
