// What systemd is told of a service of Type=notify (sd_notify(3)), where there is one.
#pragma once

#include <string>

namespace weir::cli {

class ServiceManager {
 public:
  /// From the environment: NOTIFY_SOCKET.
  ServiceManager();

  void ready() const { tell("READY=1"); }
  /// It is not ready yet, and goes on: it has half a minute more from now on.
  void starting() const { tell("EXTEND_TIMEOUT_USEC=30000000"); }
  /// Until it is ready again.
  void reloading() const;
  void stopping() const { tell("STOPPING=1"); }
  /// It lives. To be told more often than WatchdogSec says.
  void alive() const { tell("WATCHDOG=1"); }

 private:
  void tell(const std::string& state) const;

  std::string socket_;  ///< empty: nobody listens
};

}  // namespace weir::cli
