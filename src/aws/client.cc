#include "aws/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "aws/xml.h"
#include "base/number.h"

namespace weir::aws {
namespace {

constexpr std::chrono::seconds kSkewThatMatters{300};  // a signature is good for fifteen minutes
constexpr int kFirstError = 300;  // S3 redirects by an error that names the region

template <std::size_t N>
bool is_one_of(std::string_view code, const std::array<std::string_view, N>& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

bool says_expired(const Failure& failure) {
  constexpr std::array<std::string_view, 3> kCodes = {"ExpiredToken", "ExpiredTokenException",
                                                      "TokenRefreshRequired"};
  return is_one_of(failure.code, kCodes);
}

/// Whether others may be accepted: keys are replaced while a program runs.
bool refuses_credentials(const Failure& failure) {
  constexpr std::array<std::string_view, 6> kCodes = {
      "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException",
      "InvalidToken",       "InvalidClientTokenId",  "UnrecognizedClientException"};
  return says_expired(failure) || is_one_of(failure.code, kCodes);
}

/// The names that JSON services use have a namespace in front or a URL behind:
/// "com.amazonaws.logs#ResourceNotFoundException:http://…".
std::string bare_code(std::string_view code) {
  code = code.substr(0, code.find(':'));
  const std::size_t hash = code.rfind('#');
  return std::string(hash == std::string_view::npos ? code : code.substr(hash + 1));
}

void read_json(const std::string& body, Failure& failure) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object()) return;
  for (const char* name : {"__type", "code", "Code"}) {
    if (failure.code.empty() && json.contains(name) && json[name].is_string()) {
      failure.code = bare_code(json[name].get<std::string>());
    }
  }
  for (const char* name : {"message", "Message"}) {
    if (failure.message.empty() && json.contains(name) && json[name].is_string()) {
      failure.message = json[name].get<std::string>();
    }
  }
}

std::string_view hint_for(const Failure& failure) {
  const std::string& code = failure.code;
  if (code == "InvalidAccessKeyId" || code == "UnrecognizedClientException") {
    return "check the access key id, and that the endpoint is the one that it belongs to";
  }
  if (code == "SignatureDoesNotMatch") return "check the secret access key";
  if (says_expired(failure)) return "get new temporary credentials, such as by `aws sso login`";
  if (code == "RequestTimeTooSkewed") return "set this host's clock";
  if (code == "NoSuchBucket") return "make the bucket first, or check its name and the endpoint";
  if (code == "AccessDenied" || failure.status == 403) {
    return "check the caller's IAM policy and the bucket's policy; `weir bucket-policy check` "
           "tells "
           "what delivery needs";
  }
  return {};
}

std::chrono::milliseconds asked_wait(const Response& response) {
  const auto seconds = base::whole_number<long>(response.header("retry-after"));
  if (!seconds || *seconds < 0) return {};
  constexpr long kLongest = 60;
  return std::chrono::seconds(std::min(*seconds, kLongest));
}

/// Whether a refusal may be for the time that the request was signed with; HEAD gives no reason.
bool is_clock_wrong(const Failure& failure, const Response& response, base::UnixSeconds ours) {
  const auto theirs = parse_http_date(response.header("date"));
  constexpr int kFirstServerError = 500;
  return failure.status < kFirstServerError && theirs &&
         std::chrono::abs(*theirs - ours) > kSkewThatMatters;
}

}  // namespace

Clock Clock::of_host(const std::atomic<bool>* is_cancelled) {
  const auto now = [] {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  };
  const auto sleep = [is_cancelled](std::chrono::milliseconds wait) {
    constexpr std::chrono::milliseconds kStep{50};
    const auto end = std::chrono::steady_clock::now() + wait;
    while (std::chrono::steady_clock::now() < end) {
      if (is_cancelled != nullptr && *is_cancelled) return false;
      std::this_thread::sleep_for(
          std::min<std::chrono::nanoseconds>(kStep, end - std::chrono::steady_clock::now()));
    }
    return is_cancelled == nullptr || !*is_cancelled;
  };
  // Shared by the copies of this clock, for several threads.
  struct Random {
    std::mutex mutex;
    std::minstd_rand engine{std::random_device()()};
  };
  const auto random = [shared = std::make_shared<Random>()] {
    const std::scoped_lock lock(shared->mutex);
    return std::uniform_real_distribution<double>(0, 1)(shared->engine);
  };
  return {now, sleep, random};
}

std::optional<base::UnixSeconds> parse_http_date(std::string_view text) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  // "Wed, 25 Nov 2026 13:43:07 GMT"
  constexpr std::size_t kLength = 29;
  if (text.size() != kLength || text.substr(3, 2) != ", " || text.substr(25) != " GMT") return {};
  const auto number = [text](std::size_t at, std::size_t length) {
    int value = -1;
    std::from_chars(text.data() + at, text.data() + at + length, value);
    return value;
  };
  const std::size_t month = kMonths.find(text.substr(8, 3));
  if (month == std::string_view::npos || month % 3 != 0) return {};
  const std::chrono::year_month_day date{std::chrono::year(number(12, 4)),
                                         std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                         std::chrono::day(static_cast<unsigned>(number(5, 2)))};
  const int hour = number(17, 2);
  const int minute = number(20, 2);
  const int second = number(23, 2);
  if (!date.ok() || hour < 0 || minute < 0 || second < 0) return {};
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

Failure failure_of(const Request& request, const Response& response) {
  Failure failure;
  failure.kind = Failure::Kind::refused;
  failure.status = response.status;
  failure.region = response.header("x-amz-bucket-region");
  failure.code = bare_code(response.header("x-amzn-errortype"));
  if (response.body.starts_with('{')) {
    read_json(response.body, failure);
  } else if (const auto xml = parse_xml(response.body)) {
    failure.code = text_of(*xml, "Code");
    failure.message = text_of(*xml, "Message");
    if (failure.region.empty()) failure.region = text_of(*xml, "Region");
  }
  if (failure.code.empty()) failure.code = std::to_string(response.status);
  failure.error.where = request.endpoint.url();
  failure.error.what = failure.code;
  if (!failure.message.empty()) failure.error.what += ": " + failure.message;
  if (failure.code != std::to_string(response.status)) {
    failure.error.what += fmt::format(" (HTTP {})", response.status);
  }
  failure.error.hint = hint_for(failure);
  constexpr int kFirstServerError = 500;
  constexpr int kServiceUnavailable = 503;  // refused before anything was done
  failure.may_be_done =
      failure.status >= kFirstServerError && failure.status != kServiceUnavailable;
  return failure;
}

bool is_worth_retrying(const Failure& failure) {
  constexpr std::array<std::string_view, 20> kCodes = {
      "SlowDown",
      "Throttling",
      "ThrottlingException",
      "ThrottledException",
      "RequestThrottled",
      "RequestThrottledException",
      "TooManyRequestsException",
      "RequestLimitExceeded",
      "BandwidthLimitExceeded",
      "LimitExceededException",
      "ProvisionedThroughputExceededException",
      "PriorRequestNotComplete",
      "InternalError",
      "InternalFailure",
      "ServiceUnavailable",
      "ServiceUnavailableException",
      "OperationAbortedException",  // several made one log group at once
      "RequestTimeout",
      "RequestTimeoutException",
      "ConditionalRequestConflict"};  // two conditional writes of one key at once
  constexpr std::array<int, 5> kStatuses = {429, 500, 502, 503, 504};
  if (failure.kind == Failure::Kind::unreachable) return true;
  if (failure.kind != Failure::Kind::refused) return false;
  return is_one_of(failure.code, kCodes) ||
         std::find(kStatuses.begin(), kStatuses.end(), failure.status) != kStatuses.end();
}

bool Backoff::again(std::chrono::milliseconds least) {
  if (attempts_ >= retries_.attempts) return false;
  ++attempts_;
  const auto wait =
      std::chrono::duration_cast<std::chrono::milliseconds>(longest_ * clock_.random());
  is_cancelled_ = !clock_.sleep(std::max(wait, least));
  longest_ = std::min(longest_ * 2, retries_.longest_wait);
  return !is_cancelled_;
}

void Backoff::reset() {
  attempts_ = 1;
  longest_ = retries_.first_wait;
}

Client::Client(Transport& transport, CredentialsSource* credentials, Clock clock, Retries retries)
    : transport_(transport),
      credentials_(credentials),
      clock_(std::move(clock)),
      retries_(retries) {}

void Client::learn_clock(const Response& response) {
  const auto theirs = parse_http_date(response.header("date"));
  if (theirs) skew_ = (*theirs - clock_.now()).count();
}

base::UnixSeconds Client::service_time() const {
  return clock_.now() + std::chrono::seconds(skew_);
}

Result<Response> Client::counted(const Request& request) {
  ++traffic_.requests;
  auto response = transport_.send(request);
  if (response) traffic_.bytes_received += response->body.size();
  return response;
}

Result<Response> Client::attempt(Request& request, const Scope& scope,
                                 std::optional<Credentials>& signer) {
  if (credentials_ == nullptr) return counted(request);
  const base::UnixSeconds time = service_time();
  auto credentials = credentials_->get(time);
  if (!credentials) return tl::unexpected(credentials.error());
  sign(request, *credentials, scope, time);
  signer = std::move(*credentials);
  return counted(request);
}

namespace {

/// What an attempt failed with; `may_be_done` tells of it and of those before.
Failure failure_after(const Request& request, Result<Response>& response, bool& may_be_done) {
  if (response && response->may_be_repeated) may_be_done = true;
  Failure failure = response ? failure_of(request, *response) : std::move(response.error());
  failure.may_be_done = may_be_done = may_be_done || failure.may_be_done;
  return failure;
}

}  // namespace

Result<Response> Client::send(Request request, const Scope& scope) {
  bool has_set_clock = false;
  bool has_renewed = false;
  bool may_be_done = false;
  for (Backoff backoff = this->backoff();;) {
    const std::int64_t skew = skew_;
    std::optional<Credentials> signer;
    auto response = attempt(request, scope, signer);
    if (response && response->status < kFirstError) {
      response->may_be_repeated = response->may_be_repeated || may_be_done;
      return response;
    }
    Failure failure = failure_after(request, response, may_be_done);
    std::chrono::milliseconds least{};
    if (response) {
      least = asked_wait(*response);
      const auto ours = clock_.now() + std::chrono::seconds(skew);
      if (!has_set_clock && is_clock_wrong(failure, *response, ours)) {
        has_set_clock = true;
        learn_clock(*response);
        continue;
      }
      if (refuses_credentials(failure) && !has_renewed && signer &&
          credentials_->forget(*signer, service_time())) {
        has_renewed = true;
        continue;
      }
    }
    if (!is_worth_retrying(failure)) return tl::unexpected(std::move(failure));
    if (backoff.again(least)) continue;
    if (backoff.is_cancelled()) {
      failure.kind = Failure::Kind::cancelled;
    } else if (backoff.attempts() > 1) {
      failure.error.what += fmt::format(" (after {} attempts)", backoff.attempts());
    }
    return tl::unexpected(std::move(failure));
  }
}

}  // namespace weir::aws
