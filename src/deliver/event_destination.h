// Files of events to CloudWatch Logs and Data Firehose.
//
// Neither service knows an event again, so that what is promised is at least once: an event whose
// answer was lost is sent again, and counted as one that may be there twice.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "aws/client.h"
#include "aws/settings.h"
#include "deliver/destination.h"
#include "deliver/event.h"
#include "deliver/log_destination.h"

namespace weir::deliver {

/// What became of events, each of which is counted once it is settled: taken, or refused for ever.
struct EventTally {
  std::uint64_t taken = 0;
  std::uint64_t too_old = 0;  ///< more than 14 days, or than the log group's retention
  std::uint64_t too_new = 0;  ///< more than 2 hours ahead of the service's clock
  std::uint64_t too_large = 0;
  std::uint64_t maybe_twice = 0;  ///< of those taken: a call without an answer had them too

  EventTally& operator+=(const EventTally& other);
  [[nodiscard]] std::uint64_t refused() const { return too_old + too_new + too_large; }
};

/// Sends the events of a segment in their order, and remembers those that were settled if it has to
/// come again.
class EventDestination : public Destination {
 public:
  /// `cancel` has calls that are under way return soon; it may be empty.
  explicit EventDestination(std::function<void()> cancel) : cancel_(std::move(cancel)) {}

  Delivered deliver(const Segment& segment) final;
  void cancel() final;

  /// Of all segments, and of those parts of segments that are settled; from any thread.
  [[nodiscard]] EventTally tally() const;

 protected:
  /// What is not settled.
  struct Rest {
    std::vector<Event> events;
    std::size_t maybe_taken = 0;  ///< so many of the first were in a call without an answer
    std::uint64_t refused = 0;    ///< for ever, of those that are settled
  };
  /// Sends some of the first events, no more than one call takes, and takes what is settled out of
  /// `rest` and into `tally`. REQUIRES: there is an event.
  virtual aws::Result<void> send_some(Rest& rest, aws::Backoff& backoff, EventTally& tally) = 0;
  [[nodiscard]] virtual aws::Backoff backoff() const = 0;

 private:
  base::Expected<Rest> rest_of(const Segment& segment);

  std::function<void()> cancel_;
  /// By file, whose name no other segment of a spool ever has: those of which a part is settled.
  std::map<std::filesystem::path, Rest> begun_;
  mutable std::mutex mutex_;
  EventTally tally_;
};

/// In the region of the destination's ARN, or else in `region`, with a session of its own. Nothing
/// is sent. REQUIRES: a destination that takes events. Error: settings that cannot be.
base::Expected<std::unique_ptr<EventDestination>> open_event_destination(
    aws::Options options, const LogDestination& destination, const std::string& region);

}  // namespace weir::deliver
