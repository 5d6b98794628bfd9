// CloudWatch Logs, as far as delivering flow logs needs it.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "aws/json_service.h"

namespace weir::aws {

struct LogEvent {
  std::chrono::sys_time<std::chrono::milliseconds> timestamp;
  std::string_view message;
};

/// What became of the events of one call. They come in order of time, so that those that were kept
/// stand together: before them what is too old or has expired, after them what is too new.
struct PutEvents {
  std::size_t first_kept = 0;
  std::size_t end_kept = 0;  ///< no less than `first_kept`
  /// An attempt whose answer was lost may have put them too.
  bool may_be_repeated = false;
};

/// Errors keep AWS's names: `failure.is("ResourceNotFoundException")`.
class Logs {
 public:
  /// The value of x-amz-target before the operation.
  static constexpr const char* kTarget = "Logs_20140328";

  /// `client` outlives it.
  Logs(Client& client, JsonServicePlace place) : service_(client, std::move(place)) {}

  /// What is there already is no error.
  Result<void> create_group(const std::string& group);
  Result<void> create_stream(const std::string& group, const std::string& stream);

  /// REQUIRES: what the service refuses whole: 1 to 10,000 events, in the order of their times, of
  /// no more than 24 hours, with no more bytes than it takes (deliver/batch.h).
  Result<PutEvents> put_events(const std::string& group, const std::string& stream,
                               std::span<const LogEvent> events);

  [[nodiscard]] Backoff backoff() const { return service_.backoff(); }

 private:
  JsonService service_;
};

}  // namespace weir::aws
