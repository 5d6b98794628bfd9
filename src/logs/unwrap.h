// What other services put around a record's line.
#pragma once

#include <memory>
#include <string_view>

#include "base/input.h"

namespace weir::logs {

/// Lines of Data Firehose, {"message": "…"}, become their messages, line by line; a line that is no
/// such object stays as it is. `first` is what has been read of the input already.
std::unique_ptr<base::Input> unwrap_messages(std::string_view first,
                                             std::unique_ptr<base::Input> input);

/// Does the line begin with a time as CloudWatch Logs puts before each event that it exports,
/// "2026-11-23T14:05:09.000Z "?
bool starts_with_time(std::string_view line);

}  // namespace weir::logs
