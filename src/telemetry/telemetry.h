// Where a running service can be asked: /status, /metrics and /flows at its socket.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "base/error.h"
#include "http/unix_socket.h"
#include "service/service.h"

namespace weir::telemetry {

/// Works in the thread that calls it, between the service's ticks.
///
/// /flows is a text that goes on. It begins with a line of field names, as an object does; then
/// come the records of each drain, and lines that begin with "# ":
///
///     # drained SECONDS FLOWS    the drain of this time is over; it had so many flows more
///     # missed LINES             this reader was too slow for so many lines
class Telemetry {
 public:
  /// Both outlive it. Error: the kernel's.
  static base::Expected<Telemetry> open(const http::UnixListener& listener,
                                        service::Service& service);
  Telemetry(Telemetry&&) noexcept;
  Telemetry& operator=(Telemetry&&) = delete;
  ~Telemetry();

  /// The service has ticked.
  void ticked(base::UnixMicros now);

  /// As http::Server.
  [[nodiscard]] int descriptor() const;
  [[nodiscard]] std::optional<std::chrono::milliseconds> patience() const;
  void run();

 private:
  struct State;
  explicit Telemetry(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::telemetry
