// What a service tells the person who runs it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace weir::base {

/// How much a line matters, by the numbers of syslog(3), which journald takes as PRIORITY.
enum class Severity : std::uint8_t {
  error = 3,    ///< records or their account are lost, or what was asked for was not done
  warning = 4,  ///< something is not as it should be, and is tried again or made up for
  info = 6,
};

struct LogLine {
  Severity severity = Severity::info;
  std::string text;
};

/// Takes a line each; from any thread.
using Log = std::function<void(const LogLine& line)>;

}  // namespace weir::base
