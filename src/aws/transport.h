// Requests over the wire, by libcurl: TLS verified, connections kept and used again.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "aws/failure.h"
#include "aws/request.h"

namespace weir::aws {

/// What a request goes through. Tests have their own.
class Transport {
 public:
  virtual ~Transport() = default;
  /// One attempt, but that a kept connection which turns out to be closed is replaced (the answer
  /// says so: `may_be_repeated`); redirects are not followed. Any answer of HTTP is a response. For
  /// several threads at once.
  virtual Result<Response> send(const Request& request) = 0;
};

struct TransportSettings {
  std::string ca_bundle;         ///< file of certificates to trust in place of the system's
  std::string ca_bundle_origin;  ///< for errors: "--ca-bundle", "AWS_CA_BUNDLE"
  std::chrono::milliseconds connect_timeout{10'000};
  /// An answer, or an upload, that moves less than one byte a second for so long has hung.
  std::chrono::seconds stall_timeout{60};
  /// Of the whole request; 0: no limit.
  std::chrono::milliseconds total_timeout{0};
  bool uses_proxy =
      true;  ///< as http_proxy, https_proxy and no_proxy say; not for metadata services
  std::uint64_t max_answer_bytes = std::uint64_t{1} << 30U;
};

class CurlTransport : public Transport {
 public:
  /// Requests end soon after `is_cancelled` is set; it may be null, and outlives the transport.
  explicit CurlTransport(TransportSettings settings,
                         const std::atomic<bool>* is_cancelled = nullptr);
  ~CurlTransport() override;
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  Result<Response> send(const Request& request) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::aws
