// What stands between a flow log and a destination that is not a folder: a spool, and who delivers
// from it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "deliver/delivery.h"
#include "deliver/flow_log.h"
#include "deliver/spool.h"
#include "service/config.h"
#include "service/report.h"

namespace weir::service {

class Remote {
 public:
  /// Nothing waits for the network: whether it is there shows when something is delivered. Errors:
  /// the spool; settings that cannot be.
  static base::Expected<std::shared_ptr<Remote>> open(const SpoolConfig& spool,
                                                      const FlowLogConfig& config,
                                                      const deliver::FlowLog& flow_log,
                                                      const base::Log& log);
  /// Where a flow log's objects go. Errors: settings that cannot be.
  static base::Expected<std::unique_ptr<deliver::Destination>> destination_of(
      const FlowLogConfig& config, const deliver::FlowLog& flow_log, const base::Log& log);
  /// From now on what waits, and what comes, goes to `destination`, which is of the two. What is
  /// under way to the one before is tried again.
  void deliver_to(std::unique_ptr<deliver::Destination> destination, const FlowLogConfig& config,
                  const deliver::FlowLog& flow_log);
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;

  [[nodiscard]] deliver::Spool& spool() { return spool_; }
  /// The folder's name: what waits to be objects is not for who takes events.
  [[nodiscard]] std::string spool_name() const {
    return spool_name_of(flow_log_id_, takes_events_);
  }
  [[nodiscard]] bool takes_events() const { return takes_events_; }
  /// Whether what waits may go where that configuration says.
  [[nodiscard]] bool is_of(const FlowLogConfig& config, const std::string& flow_log_id) const {
    return flow_log_id_ == flow_log_id && takes_events_ == config.destination.takes_events();
  }
  /// Whether a destination of these would be the one that it has.
  [[nodiscard]] bool is_for(const FlowLogConfig& config, const deliver::FlowLog& flow_log) const {
    return addressee_ == addressee_of(config, flow_log);
  }
  /// Whether the destination takes what comes, and there is room for more.
  [[nodiscard]] bool is_well() const;
  [[nodiscard]] DeliveryAccount account() const;
  /// Nothing waits, and SKIPDATA stands for all that was lost.
  [[nodiscard]] bool has_delivered_all() const {
    return spool_.status().waiting == 0 && spool_.lost().empty();
  }
  /// Gives what waits so much time to be delivered, as long as that works.
  void drain(std::chrono::milliseconds longest) { static_cast<void>(delivery_->drain(longest)); }

 private:
  Remote(deliver::Spool spool, SpoolConfig limits, std::string flow_log_id, bool takes_events,
         base::Log log)
      : spool_(std::move(spool)),
        limits_(std::move(limits)),
        flow_log_id_(std::move(flow_log_id)),
        takes_events_(takes_events),
        log_(std::move(log)) {}
  /// What a destination is made of.
  struct Addressee {
    std::string log_destination;
    deliver::LogDestination destination;
    RemoteConfig config;
    std::string account_id;
    std::string region;
    bool hive_compatible_partitions = false;

    friend bool operator==(const Addressee&, const Addressee&) = default;
  };
  static Addressee addressee_of(const FlowLogConfig& config, const deliver::FlowLog& flow_log) {
    return {config.log_destination, config.destination, config.remote,
            flow_log.account_id,    flow_log.region,    flow_log.hive_compatible_partitions};
  }
  static std::string spool_name_of(const std::string& flow_log_id, bool takes_events) {
    return flow_log_id + (takes_events ? ".events" : "");
  }

  deliver::Spool spool_;
  SpoolConfig limits_;
  std::string flow_log_id_;
  bool takes_events_ = false;
  base::Log log_;
  Addressee addressee_;
  std::unique_ptr<deliver::Delivery> delivery_;
};

/// Tells of spools in `folder` that hold something and have none of these names: nobody delivers
/// it.
void tell_left_over(const std::filesystem::path& folder, const std::vector<std::string>& known,
                    const base::Log& log);

}  // namespace weir::service
