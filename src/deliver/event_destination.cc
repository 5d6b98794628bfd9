#include "deliver/event_destination.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>
#include <utility>

#include "deliver/connection.h"
#include "deliver/firehose_destination.h"
#include "deliver/logs_destination.h"

namespace weir::deliver {
namespace {

/// What is wrong with the content of one call, others need not have; all else is the stream's.
Undelivered undelivered_events(aws::Failure failure) {
  constexpr std::array<std::string_view, 4> kOfContent = {
      "InvalidParameterException", "InvalidArgumentException", "SerializationException",
      "ValidationException"};
  const bool is_of_content =
      failure.kind == aws::Failure::Kind::refused &&
      std::find(kOfContent.begin(), kOfContent.end(), failure.code) != kOfContent.end();
  Undelivered out = undelivered(std::move(failure));
  out.is_of_segment = is_of_content;
  return out;
}

}  // namespace

EventTally& EventTally::operator+=(const EventTally& other) {
  taken += other.taken;
  too_old += other.too_old;
  too_new += other.too_new;
  too_large += other.too_large;
  maybe_twice += other.maybe_twice;
  return *this;
}

base::Expected<EventDestination::Rest> EventDestination::rest_of(const Segment& segment) {
  auto begun = begun_.extract(segment.file);
  if (!begun.empty()) return std::move(begun.mapped());
  auto events = read_events(segment.file, segment.bytes);
  if (!events) return tl::unexpected(events.error());
  return Rest{std::move(*events), 0, 0};
}

Delivered EventDestination::deliver(const Segment& segment) {
  auto rest = rest_of(segment);
  if (!rest) {
    return tl::unexpected(Undelivered{DeliverLogsError::unknown_error, true, rest.error()});
  }
  EventTally tally;
  aws::Result<void> sent;
  for (aws::Backoff waits = backoff(); sent && !rest->events.empty();) {
    sent = send_some(*rest, waits, tally);
  }
  {
    const std::scoped_lock lock(mutex_);
    tally_ += tally;
  }
  rest->refused += tally.refused();
  if (sent) return Receipt{rest->refused};
  // What was given up meanwhile does not come again.
  std::erase_if(begun_, [](const auto& each) {
    std::error_code error;
    return !std::filesystem::exists(each.first, error) && !error;
  });
  if (rest->events.size() != segment.records || rest->maybe_taken != 0) {
    begun_[segment.file] = std::move(*rest);
  }
  return tl::unexpected(undelivered_events(std::move(sent.error())));
}

void EventDestination::cancel() {
  if (cancel_) cancel_();
}

EventTally EventDestination::tally() const {
  const std::scoped_lock lock(mutex_);
  return tally_;
}

base::Expected<std::unique_ptr<EventDestination>> open_event_destination(
    aws::Options options, const LogDestination& destination, const std::string& region) {
  auto opened = Connection::open(std::move(options));
  if (!opened) return tl::unexpected(opened.error());
  const std::shared_ptr<Connection>& connection = *opened;
  const auto cancel = [connection] { connection->cancel(); };
  aws::Session& session = connection->session();
  const std::string& there = destination.region.empty() ? region : destination.region;
  if (destination.type == LogDestinationType::cloud_watch_logs) {
    auto logs = session.logs(there, destination.role_arn);
    if (!logs) return tl::unexpected(logs.error());
    return std::make_unique<LogsDestination>(std::shared_ptr<aws::Logs>(connection, *logs),
                                             destination.name, cancel);
  }
  auto firehose = session.firehose(there, destination.role_arn);
  if (!firehose) return tl::unexpected(firehose.error());
  return std::make_unique<FirehoseDestination>(
      std::shared_ptr<aws::Firehose>(connection, *firehose), destination.name, cancel);
}

}  // namespace weir::deliver
