// Where a running service can be asked: /status, /metrics and /flows at its socket, and /metrics at
// a port of loopback, too.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <optional>

#include "base/error.h"
#include "http/loopback.h"
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
  /// All outlive it. Error: the kernel's.
  static base::Expected<Telemetry> open(const http::UnixListener& listener,
                                        const std::optional<http::LoopbackListener>& metrics,
                                        service::Service& service);
  Telemetry(Telemetry&&) noexcept;
  Telemetry& operator=(Telemetry&&) = delete;
  ~Telemetry();

  /// The service has ticked.
  void ticked(base::UnixMicros now);

  /// These are http::Server's; -1 is no descriptor.
  [[nodiscard]] std::array<int, 2> descriptors() const;
  [[nodiscard]] std::optional<std::chrono::milliseconds> patience() const;
  void run();

 private:
  struct State;
  explicit Telemetry(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::telemetry
