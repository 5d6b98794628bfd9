#include "deliver/destination.h"

#include "aws/client.h"

namespace weir::deliver {
namespace {

constexpr int kForbidden = 403;
constexpr int kNotFound = 404;
constexpr int kTooMany = 429;
constexpr int kSlowDown = 503;

DeliverLogsError kind_of(const aws::Failure& failure) {
  using Kind = aws::Failure::Kind;
  const int status = failure.status;
  // Nothing could be asked, for lack of credentials and the like, or what is asked for is not
  // there.
  if (failure.kind == Kind::local || status == kForbidden || status == kNotFound) {
    return DeliverLogsError::access_error;
  }
  if (failure.kind != Kind::refused) return DeliverLogsError::unknown_error;
  if (status == kTooMany || status == kSlowDown) return DeliverLogsError::rate_limited;
  // JSON services name throttling with status 400.
  const bool is_throttled = status < 500 && aws::is_worth_retrying(failure) &&
                            !failure.is("RequestTimeout") && !failure.is("RequestTimeoutException");
  if (is_throttled) return DeliverLogsError::rate_limited;
  // They name what is missing or forbidden so, too.
  const auto has = [&](std::string_view word) {
    return failure.code.find(word) != std::string::npos;
  };
  const bool is_access = has("AccessDenied") || has("NotFound") || has("UnrecognizedClient") ||
                         has("InvalidSignature") || has("ExpiredToken") || has("NoSuchBucket");
  return is_access ? DeliverLogsError::access_error : DeliverLogsError::unknown_error;
}

}  // namespace

std::string_view to_string(DeliverLogsError error) {
  switch (error) {
    case DeliverLogsError::rate_limited:
      return "Rate limited";
    case DeliverLogsError::access_error:
      return "Access error";
    default:
      return "Unknown error";
  }
}

std::string to_string(const Undelivered& why) {
  return std::string(to_string(why.kind)) + ": " + why.error.message();
}

Undelivered undelivered(aws::Failure failure) {
  return {kind_of(failure), false, std::move(failure.error)};
}

}  // namespace weir::deliver
