// All flow logs of a service: those of its plan, and those that have ended and still have something
// to tell or to deliver.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "deliver/destination.h"
#include "service/flow_log.h"
#include "service/plan.h"
#include "service/remote.h"
#include "service/report.h"

namespace weir::service {

/// By flow log: all that was seen before is in published objects, or SKIPDATA for it is.
using WholeUntil = std::map<std::string, base::UnixSeconds>;

/// What of the records of a turn is published.
enum class Publishing : std::uint8_t { what_is_due, everything, last };

/// Called by one thread.
class FlowLogs {
 public:
  explicit FlowLogs(base::Log log) : log_(std::move(log)) {}

  /// What a flow log needs that does not go on.
  struct Fresh {
    std::unique_ptr<Objects> objects;  ///< null: it goes on
    /// Where the spool that is open already is to be delivered from now on; null: as it is.
    std::unique_ptr<deliver::Destination> destination;
  };
  /// Of a plan's flow logs, by number. `before` is what was remembered of an earlier service.
  /// Errors: a destination; then nothing has changed.
  [[nodiscard]] base::Expected<std::vector<Fresh>> prepare(const Plan& plan,
                                                           const WholeUntil& before,
                                                           base::UnixMicros now);
  /// From now on they are those of `plan`: what goes on hands over its records, what does not ends.
  /// REQUIRES: `fresh` was prepared of it, and no other plan since.
  base::Expected<void> follow(std::shared_ptr<const Plan> plan, std::vector<Fresh> fresh,
                              base::UnixMicros now);
  /// Nobody has recorded since the times in `before`, until all was `attached`: says so, and lets
  /// SKIPDATA stand for it, where there still is a flow log of that id. One that is new begins
  /// `now`, in the midst of a window as they do at AWS; those that end before all was attached are
  /// not silent, they are SKIPDATA.
  base::Expected<void> resume(const WholeUntil& before, base::UnixMicros now,
                              base::UnixMicros attached);
  /// Tells of spools that hold something and that nobody delivers from.
  void tell_left_over() const;
  /// Every window has its NODATA from the one of `now` on, if it is the first time.
  base::Expected<void> pass(base::UnixMicros now);

  /// These are FlowLog's, of those that have the interface.
  base::Expected<void> add(const live::DrainedFlow& flow, vpc::InterfaceIndex interface);
  base::Expected<void> skipped(vpc::InterfaceIndex interface, base::UnixMicros now);
  base::Expected<void> missed(const std::vector<bool>& interfaces, base::UnixMicros from,
                              base::UnixMicros to);
  base::Expected<void> turn(base::UnixMicros now, Publishing publishing);
  /// Gives what waits so much time, all together, to be delivered.
  void drain(std::chrono::milliseconds longest) const;

  [[nodiscard]] WholeUntil whole_until() const;
  /// Those that have ended, too, while they have something to tell or to deliver that is not left
  /// to a successor. No two have the same id and destination.
  [[nodiscard]] std::vector<FlowLogReport> reports() const;
  [[nodiscard]] std::vector<DeliveryAccount> deliveries() const;
  /// Since the start, of those that have ended, too.
  struct Totals {
    std::uint64_t records = 0;
    std::uint64_t objects = 0;
    std::uint64_t batches = 0;  ///< of events
    std::uint64_t lost_records = 0;
    std::uint64_t refused_records = 0;  ///< for ever, by a service that takes events
  };
  [[nodiscard]] Totals totals() const;

 private:
  struct Ended {
    std::shared_ptr<const Plan> plan;
    std::unique_ptr<FlowLog> flow_log;
  };

  base::Expected<Fresh> open(const Plan& plan, std::size_t number, base::UnixSeconds since);
  base::Expected<void> end(std::unique_ptr<FlowLog> flow_log, base::UnixMicros now);
  base::Expected<void> settle(base::UnixMicros now, bool is_last);
  void let_go();
  void tell_published(FlowLog& flow_log, base::UnixMicros now);
  static void count(const FlowLog& flow_log, Totals& totals);
  static void count(const Remote& remote, Totals& totals);
  [[nodiscard]] bool is_at_work(const Remote& remote) const;

  base::Log log_;
  std::shared_ptr<const Plan> plan_;
  std::vector<std::unique_ptr<FlowLog>> at_work_;
  std::vector<Ended> ended_;
  std::vector<std::shared_ptr<Remote>> remotes_;  ///< that are in use, each once
  Totals gone_;  ///< of those that are neither; `objects`, `batches` of all
};

}  // namespace weir::service
