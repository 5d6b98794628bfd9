// A service's report as Prometheus scrapes it.
#pragma once

#include <string>

#include "service/report.h"

namespace weir::telemetry {

constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

/// The text exposition format, version 0.0.4.
std::string metrics(const service::Report& report);

}  // namespace weir::telemetry
