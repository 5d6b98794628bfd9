// A service's report as JSON, in the shape of AWS's describe calls and with their names.
#pragma once

#include <string>

#include "service/report.h"

namespace weir::telemetry {

/// One object; times are ISO 8601 in UTC. What `weir status --output json` prints.
std::string status_json(const service::Report& report);

}  // namespace weir::telemetry
