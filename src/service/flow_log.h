// One flow log at work: what the kernel counted of its interfaces becomes records, and objects.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "live/datapath.h"
#include "recorder/live_recorder.h"
#include "service/objects.h"
#include "service/plan.h"
#include "service/report.h"

namespace weir::service {

/// Called by one thread.
class FlowLog {
 public:
  /// The plan's flow log of this number; the plan outlives it.
  FlowLog(const Plan& plan, std::size_t number, std::unique_ptr<Objects> objects);
  FlowLog(const FlowLog&) = delete;
  FlowLog& operator=(const FlowLog&) = delete;

  [[nodiscard]] const std::string& destination() const { return config_.log_destination; }
  [[nodiscard]] const std::string& id() const { return settings_.flow_log.id; }
  [[nodiscard]] bool has(vpc::InterfaceIndex interface) const {
    return settings_.subscribed[static_cast<std::size_t>(interface)];
  }
  /// Is this the plan's flow log of this number, so that it goes on? As at AWS, only which
  /// interfaces there are may change.
  [[nodiscard]] bool is_same(const Plan& plan, std::size_t number) const;

  /// These are LiveRecorder's.
  base::Expected<void> add(const live::DrainedFlow& flow, vpc::InterfaceIndex interface) {
    return recorder_.add(flow, interface);
  }
  base::Expected<void> skipped(vpc::InterfaceIndex interface, base::UnixMicros time) {
    return recorder_.skipped(interface, time);
  }
  base::Expected<void> missed(const std::vector<bool>& interfaces, base::UnixMicros from,
                              base::UnixMicros to) {
    return recorder_.missed(interfaces, from, to);
  }
  /// All interfaces of the flow log.
  base::Expected<void> missed_all(base::UnixMicros from, base::UnixMicros to) {
    return missed(settings_.subscribed, from, to);
  }
  /// The windows that end by `to`, of all interfaces: not the one that it lies in.
  base::Expected<void> missed_before(base::UnixMicros from, base::UnixMicros to);
  base::Expected<void> pass(base::UnixMicros now) { return recorder_.pass(now); }
  base::Expected<void> hand_over() { return recorder_.hand_over(); }

  /// All that was seen before `now` has been added: closes windows that are over, and publishes
  /// what is due, or everything. Where there is no room for it, windows wait in memory, at most an
  /// hour and as many flows as `recorder::Settings` says. If the clock was set back, everything is
  /// published: what waits for an hour that has been before would wait too long.
  base::Expected<void> turn(base::UnixMicros now, bool publishes_all);
  /// The last turn: publishes everything, room or not.
  base::Expected<void> finish(base::UnixMicros now);
  /// After `finish`: lets SKIPDATA stand for what was lost, if there is room.
  base::Expected<void> settle(base::UnixMicros now);
  /// After the last `finish` of the service: the same, for windows that are not over, too.
  base::Expected<void> settle_all(base::UnixMicros now);
  /// Nothing was added that is not published, and no loss in the folder is untold.
  [[nodiscard]] bool is_published() const { return objects_->is_published(); }
  /// What `ended` has lost and not told is this one's to tell: they have the same id.
  void take_loss(FlowLog& ended) {
    if (const auto loss = ended.objects_->take_loss()) objects_->adopt(*loss);
  }
  [[nodiscard]] const std::shared_ptr<Remote>& remote() const { return objects_->remote(); }
  [[nodiscard]] base::UnixSeconds whole_until() const { return objects_->whole_until(); }
  std::vector<deliver::PublishedObject> take_published(base::UnixMicros now) {
    return objects_->take_published(now);
  }
  [[nodiscard]] std::uint64_t records() const { return objects_->records(); }
  [[nodiscard]] std::uint64_t lost_records() const { return objects_->lost_records(); }
  [[nodiscard]] FlowLogReport report() const;

  /// Takes the objects of `before`, which has handed over its records and is not used any more, and
  /// goes on where it stopped. Both plans still exist.
  static std::unique_ptr<FlowLog> follow(FlowLog& before, const Plan& plan, std::size_t number);

 private:
  /// Lets SKIPDATA stand for all that was lost. False: there is no room.
  base::Expected<bool> tell_losses(base::UnixMicros now);
  /// Lets SKIPDATA stand for windows that end by then and whose records were lost in the spool,
  /// five minutes' worth at a time, once the destination takes objects again. False: there was
  /// nothing to tell, or it could not be told.
  base::Expected<bool> tell_lost(base::UnixMicros until);

  const Plan& plan_;
  const FlowLogConfig& config_;
  const recorder::Settings& settings_;
  std::unique_ptr<Objects> objects_;
  recorder::LiveRecorder recorder_;
  base::UnixMicros turned_ = base::UnixMicros::min();  ///< nothing later was seen
  bool is_set_back_ = false;                           ///< the clock, and nothing published since
};

}  // namespace weir::service
