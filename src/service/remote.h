// What stands between a flow log and a destination that is not a folder: a spool, and who delivers
// from it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "deliver/delivery.h"
#include "deliver/flow_log.h"
#include "deliver/spool.h"
#include "service/config.h"
#include "service/log.h"
#include "service/report.h"

namespace weir::service {

class Remote {
 public:
  /// Nothing waits for the network: whether it is there shows when something is delivered. Errors:
  /// the spool; settings that cannot be.
  static base::Expected<std::shared_ptr<Remote>> open(const SpoolConfig& spool,
                                                      const FlowLogConfig& config,
                                                      const deliver::FlowLog& flow_log,
                                                      const Log& log);
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;

  [[nodiscard]] deliver::Spool& spool() { return spool_; }
  [[nodiscard]] const std::string& flow_log_id() const { return flow_log_id_; }
  [[nodiscard]] bool is_for(const FlowLogConfig& config) const {
    return destination_ == config.log_destination && config_ == config.remote;
  }
  /// Whether the destination takes what comes, and there is room for more.
  [[nodiscard]] bool is_well() const;
  [[nodiscard]] DeliveryAccount account() const;
  /// Gives what waits so much time to be delivered, as long as that works.
  void drain(std::chrono::milliseconds longest) { static_cast<void>(delivery_.drain(longest)); }

 private:
  Remote(deliver::Spool spool, std::unique_ptr<deliver::Destination> destination,
         const SpoolConfig& limits, const FlowLogConfig& config, std::string flow_log_id,
         const Log& log);

  deliver::Spool spool_;
  std::uint64_t limit_;
  std::string destination_;
  RemoteConfig config_;
  std::string flow_log_id_;
  deliver::Delivery delivery_;
};

/// Tells of spools that hold something and belong to none of these flow logs: nobody delivers it.
void tell_left_over(const std::filesystem::path& folder, const std::vector<std::string>& ids,
                    const Log& log);

}  // namespace weir::service
