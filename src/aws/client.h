// Calls to a service: signed, tried again where that helps, the clock's error corrected.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "aws/credentials.h"
#include "aws/failure.h"
#include "aws/request.h"
#include "aws/signer.h"
#include "aws/transport.h"

namespace weir::aws {

/// The world as a client needs it; tests have their own.
struct Clock {
  std::function<base::UnixSeconds()> now;
  /// False: cancelled meanwhile.
  std::function<bool(std::chrono::milliseconds)> sleep;
  /// Uniform in [0, 1).
  std::function<double()> random;

  /// The host's. Sleep ends soon after `is_cancelled` is set; it may be null, and outlives the
  /// clock.
  static Clock of_host(const std::atomic<bool>* is_cancelled = nullptr);
};

/// What has gone over the wire.
struct Traffic {
  std::atomic<std::uint64_t> requests = 0;        ///< attempts that failed too
  std::atomic<std::uint64_t> bytes_received = 0;  ///< of bodies that came whole, refusals' too
};

struct Retries {
  int attempts = 5;  ///< the first one too
  std::chrono::milliseconds first_wait{100};
  std::chrono::milliseconds longest_wait{20'000};
};

/// The waits between the attempts of one thing: a random part of a time that doubles (full jitter).
class Backoff {
 public:
  Backoff(Clock clock, Retries retries)
      : clock_(std::move(clock)), retries_(retries), longest_(retries.first_wait) {}

  /// After an attempt: whether there is to be another one. It has waited then, no less than
  /// `least`. False: all attempts are used, or (`is_cancelled`) it was asked to stop.
  bool again(std::chrono::milliseconds least = {});
  /// What was attempted has got further: attempts are counted anew.
  void reset();
  [[nodiscard]] int attempts() const { return attempts_; }
  [[nodiscard]] bool is_cancelled() const { return is_cancelled_; }

 private:
  Clock clock_;
  Retries retries_;
  std::chrono::milliseconds longest_;
  int attempts_ = 1;  ///< begun
  bool is_cancelled_ = false;
};

/// Signs and sends. For several threads at once.
class Client {
 public:
  /// Both outlive the client. Without `credentials` requests are not signed.
  Client(Transport& transport, CredentialsSource* credentials, Clock clock, Retries retries = {});

  /// Sends until there is an answer that is worth having: any but 429, 5xx, and refusals that mean
  /// "again" (throttled, the clock is wrong, the credentials are refused and there may be others).
  /// Between attempts it waits a random part of a time that doubles (full jitter), or as long as
  /// the server asks for.
  ///
  /// Statuses below 300 come back as responses, the rest as failures with AWS's name. Both say
  /// whether an attempt whose answer was lost may have been carried out.
  Result<Response> send(Request request, const Scope& scope);

  [[nodiscard]] base::UnixSeconds now() const { return clock_.now(); }
  [[nodiscard]] const Traffic& traffic() const { return traffic_; }
  /// For what is to be tried again as `send` does it, such as the part of a call that failed.
  [[nodiscard]] Backoff backoff() const { return {clock_, retries_}; }

 private:
  /// `signer`: whom it was signed for.
  Result<Response> attempt(Request& request, const Scope& scope,
                           std::optional<Credentials>& signer);
  Result<Response> counted(const Request& request);
  void learn_clock(const Response& response);
  [[nodiscard]] base::UnixSeconds service_time() const;

  Transport& transport_;
  CredentialsSource* credentials_;
  Clock clock_;
  Retries retries_;
  Traffic traffic_;
  std::atomic<std::int64_t> skew_{0};  ///< seconds by which the service's clock is ahead of ours
};

/// An answer of status 300 or more as a failure. Reads S3's and the Query services' XML, and JSON.
Failure failure_of(const Request& request, const Response& response);

/// Whether the same request may succeed a moment later.
bool is_worth_retrying(const Failure& failure);

/// "Wed, 25 Nov 2026 13:43:07 GMT"; nothing of another form.
std::optional<base::UnixSeconds> parse_http_date(std::string_view text);

}  // namespace weir::aws
