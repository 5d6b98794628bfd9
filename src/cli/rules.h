// A description of a network with its rules compiled.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "policy/policy.h"
#include "vpc/network.h"

namespace weir::cli {

struct Rules {
  vpc::Network network;
  policy::Policy policy;
};

/// Errors: the description's first.
base::Expected<std::unique_ptr<Rules>> read_rules(const std::string& path);

}  // namespace weir::cli
