// Which running `weir up` is asked.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "cli/command_line.h"
#include "http/client.h"

namespace weir::cli {

struct ServiceSource {
  std::string config;
  std::string socket;
};

/// Adds `--config FILE` and `--socket PATH`, of which one may be given, or the other option.
void add_service_options(Command& command, ServiceSource& source, const Option* or_else = nullptr);

/// Where a service is asked, and how its network is described, if the configuration was named.
struct ServicePlace {
  std::filesystem::path socket;
  std::filesystem::path vpc;
};

inline constexpr const char* kSystemConfig = "/etc/weir/weir.toml";

/// By the socket that was named, or the configuration, or else that of the system; where there is
/// none, its default socket. Errors: the configuration's.
base::Expected<ServicePlace> place_of(const ServiceSource& source,
                                      const std::filesystem::path& system = kSystemConfig);

}  // namespace weir::cli
