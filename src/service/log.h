#pragma once

#include <functional>
#include <string>

namespace weir::service {

/// Takes what a person who runs the service should know, a line each; from any thread.
using Log = std::function<void(const std::string& line)>;

}  // namespace weir::service
