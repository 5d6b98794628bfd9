// The rows of the table of reports; who reads it includes reports.h.
#pragma once

#include <span>

#include "query/reports.h"

namespace weir::query {

std::span<const Report> aws_reports();
std::span<const Report> own_reports();

}  // namespace weir::query
