// One flow log at work: what the kernel counted of its interfaces becomes records, and objects.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "deliver/publisher.h"
#include "live/datapath.h"
#include "recorder/live_recorder.h"
#include "service/plan.h"

namespace weir::service {

/// The records of one flow log, on their way to objects.
class Objects : public recorder::RecordSink {
 public:
  /// Error: the destination cannot be written to.
  static base::Expected<std::unique_ptr<Objects>> open(const std::string& destination,
                                                       const deliver::FlowLog& flow_log);

  base::Expected<void> add(const record::Record& record) override;
  base::Expected<void> completed(base::UnixSeconds time) override;
  base::Expected<void> publish_all() { return publisher_.finish(); }
  std::vector<deliver::PublishedObject> take_published() { return publisher_.take_published(); }
  [[nodiscard]] std::uint64_t records() const { return records_; }

 private:
  explicit Objects(deliver::Publisher publisher) : publisher_(std::move(publisher)) {}
  deliver::Publisher publisher_;
  std::uint64_t records_ = 0;
};

/// Called by one thread.
class FlowLog {
 public:
  /// The plan's flow log of this number; the plan outlives it.
  FlowLog(const Plan& plan, std::size_t number, std::unique_ptr<Objects> objects);
  FlowLog(const FlowLog&) = delete;
  FlowLog& operator=(const FlowLog&) = delete;

  [[nodiscard]] const std::string& destination() const { return destination_; }
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
  base::Expected<void> pass(base::UnixMicros now) { return recorder_.pass(now); }
  base::Expected<void> hand_over() { return recorder_.hand_over(); }

  /// Publishes everything that there is, whether its window is over or not.
  base::Expected<void> publish_all();
  std::vector<deliver::PublishedObject> take_published() { return objects_->take_published(); }
  [[nodiscard]] std::uint64_t records() const { return objects_->records(); }

  /// Takes the objects of `before`, which has handed over its records and is not used any more, and
  /// goes on where it stopped. Both plans still exist.
  static std::unique_ptr<FlowLog> follow(FlowLog& before, const Plan& plan, std::size_t number);

 private:
  const Plan& plan_;
  std::string destination_;
  const recorder::Settings& settings_;
  std::unique_ptr<Objects> objects_;
  recorder::LiveRecorder recorder_;
};

}  // namespace weir::service
