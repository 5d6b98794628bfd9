// What is to be recorded, as one reading of weir.toml and of the description says.
#pragma once

#include <memory>
#include <vector>

#include "base/error.h"
#include "live/datapath.h"
#include "live/hook.h"
#include "policy/policy.h"
#include "recorder/aws_services.h"
#include "recorder/recorder.h"
#include "service/config.h"
#include "vpc/network.h"

namespace weir::service {

/// An interface that is to be recorded.
struct Place {
  vpc::InterfaceIndex interface {};
  live::Device device;
  live::Mode mode = live::Mode::observe;
};

/// Checked and complete; nothing has been touched for it. Indices of interfaces are of its network.
struct Plan {
  /// `before`: the plan that it follows, whose rules keep their numbers. Errors: the description,
  /// an id in the configuration that is not described or is not recorded here.
  static base::Expected<std::unique_ptr<const Plan>> make(Config config, const Plan* before);

  Config config;
  vpc::Network network;
  policy::Policy policy;  ///< of interfaces with a device; other hosts' rules are not needed
  recorder::AwsServices services;
  std::vector<Place> places;
  /// Does a device lie in a network namespace of its own?
  [[nodiscard]] bool enters_namespaces() const;
  std::vector<recorder::Settings> flow_logs;  ///< as in `config`, with what that leaves open
};

}  // namespace weir::service
