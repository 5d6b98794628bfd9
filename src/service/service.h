// `weir up`: what the kernel counts becomes windows, records and objects.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "service/config.h"
#include "service/flow_stream.h"
#include "service/remote.h"
#include "service/report.h"

namespace weir::service {

/// What has happened since the start, and what is now.
struct Status {
  std::uint64_t seen = 0;        ///< packets, at every interface and direction
  std::uint64_t recorded = 0;    ///< in flows
  std::uint64_t overflow = 0;    ///< SKIPDATA stands for them
  std::uint64_t exceptions = 0;  ///< not IP, never logged by AWS, malformed
  std::uint64_t mismatches = 0;  ///< packets that are in none of these: a defect
  std::uint64_t records = 0;
  std::uint64_t objects = 0;
  std::uint64_t batches = 0;       ///< of events
  std::uint64_t lost_records = 0;  ///< could not be written; SKIPDATA stands for them
  /// CloudWatch Logs and Data Firehose do not take them, ever; nothing stands for them.
  std::uint64_t refused_records = 0;
};

/// Called by one thread. Destroying it detaches from all interfaces; what was not published is lost
/// unless `stop` was called.
class Service {
 public:
  /// Reads the description, loads the kernel's part, attaches to every
  /// device that is there. Errors: the description, the kernel, an id in the configuration that is
  /// not described or is not recorded here. With many interfaces it takes minutes: `goes_on` is
  /// asked after each, and if it says no, nothing is attached, and what is returned is null.
  static base::Expected<std::unique_ptr<Service>> start(
      Config config, base::UnixMicros now, const base::Log& log,
      const std::function<bool()>& goes_on = [] { return true; });
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Takes what the kernel has counted, attaches to devices that have come, closes windows that are
  /// over and publishes their objects. An interface whose device is not there gets SKIPDATA, not
  /// NODATA. A destination that takes nothing is no error: records wait in memory, and what has to
  /// be given up becomes SKIPDATA. Errors: the kernel's.
  base::Expected<void> tick(base::UnixMicros now);
  /// An interface waits for the next tick, which is to come at once: each has time for one that is
  /// new, or has another mode.
  [[nodiscard]] bool wants_tick() const;
  /// From now on records what `config` says, without a packet that is not recorded: tracked
  /// connections go on, what there is of open windows becomes records under the old description. A
  /// flow log whose settings are not the same any more ends, and its successor begins. Tables keep
  /// their capacity. Of interfaces that are new, or have another mode, the ticks that come take one
  /// after the other. Errors: those of `start`, and then everything stays as it was.
  base::Expected<void> reload(Config config, base::UnixMicros now);
  /// The last tick: closes and publishes everything, detaches. What is published last is given a
  /// few seconds to be delivered; what is not then stays in the spool.
  base::Expected<void> stop(base::UnixMicros now);

  [[nodiscard]] const Status& status() const;
  /// As of the last drain.
  [[nodiscard]] Report report() const;

  /// From the next drain on each is kept as lines, too, or no longer.
  void show_flows(bool is_shown);
  /// Of the drains since the last call; empty if flows are not shown.
  [[nodiscard]] FlowLines take_flow_lines();
  /// Of each flow log with a destination that is not a folder.
  [[nodiscard]] std::vector<DeliveryAccount> deliveries() const;

 private:
  struct State;
  explicit Service(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::service
