// What this host has of what `weir up` needs: `weir doctor`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace weir::service {

enum class Health : std::uint8_t {
  ok,
  warning,  ///< `weir up` runs, but not as well as it could
  lacking,  ///< it does not run
};

struct Finding {
  std::string subject;  ///< what was looked at: "capabilities", "device eth0 in blue"
  Health health = Health::ok;
  std::string found;
  std::string advice;  ///< what to do; empty where nothing is to be done
};

/// Looks at everything, by doing what `weir up` does where that leaves nothing behind: programs are
/// loaded, and attached in a network namespace that goes at once. `config`: also at what that
/// names, as the user that it names: this process becomes that one for good. REQUIRES: one thread.
std::vector<Finding> examine(const std::optional<std::filesystem::path>& config);

}  // namespace weir::service
