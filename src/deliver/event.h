// A record on its way to a service that takes events, and files of them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace weir::deliver {

struct Event {
  base::UnixSeconds time;  ///< the record's start, as AWS has it (facts/flow-logs.md §4)
  std::string stream;      ///< "eni-…-all"; CloudWatch Logs has one for each interface
  std::string line;        ///< the record
};

/// The stream of an interface. It is "-all" whatever the flow log's traffic type: AWS has all flow
/// logs of a group that see an interface in one stream.
std::string stream_of(std::string_view interface_id);

/// Appends a line as `aws logs tail` prints it, "2026-11-25T13:43:07+00:00 eni-…-all 2 …", so that
/// `weir query` reads such a file.
void append_event(std::string& out, const Event& event);

/// The events of a file's first `bytes`. Error: it cannot be read, or a line is none of ours.
base::Expected<std::vector<Event>> read_events(const std::filesystem::path& file,
                                               std::uint64_t bytes);

}  // namespace weir::deliver
