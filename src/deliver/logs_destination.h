// CloudWatch Logs as a destination.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "aws/logs.h"
#include "deliver/event_destination.h"

namespace weir::deliver {

/// Puts events into the stream of their interface in one log group. A group or stream that is not
/// there is made when there is an event for it, as AWS does, and made again if it was deleted.
class LogsDestination : public EventDestination {
 public:
  LogsDestination(std::shared_ptr<aws::Logs> logs, std::string group, std::function<void()> cancel)
      : EventDestination(std::move(cancel)), logs_(std::move(logs)), group_(std::move(group)) {}

  [[nodiscard]] std::string name() const override { return "log group " + group_; }

 private:
  aws::Result<void> send_some(Rest& rest, aws::Backoff& backoff, EventTally& tally) override;
  [[nodiscard]] aws::Backoff backoff() const override { return logs_->backoff(); }
  aws::Result<aws::PutEvents> put(const std::string& stream, std::span<const aws::LogEvent> events,
                                  aws::Backoff& backoff);
  aws::Result<void> make(const std::string& stream);

  std::shared_ptr<aws::Logs> logs_;
  std::string group_;
};

}  // namespace weir::deliver
