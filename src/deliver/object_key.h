// Where AWS puts a flow log's objects, and what it calls them (facts/flow-logs.md §3.1).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "deliver/flow_log.h"

namespace weir::deliver {

/// Objects hold the records whose `end` lies in the same five minutes.
inline constexpr std::chrono::minutes kSlot{5};

/// "AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/", in one of the four layouts. The slot's
/// own time decides the folder.
std::string key_folder(const FlowLog& flow_log, base::UnixSeconds slot);

/// "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z": a file's name but for the hash.
std::string key_stem(const FlowLog& flow_log, base::UnixSeconds slot);

/// ".log.gz" or ".log.parquet".
std::string_view key_suffix(const FlowLog& flow_log);

/// A flow log id that is always the same for the same settings: "fl-" and 17 hex digits of a hash
/// of `parts`.
std::string default_flow_log_id(const std::vector<std::string>& parts);

/// Checks what AWS would refuse: interval, ids.
base::Expected<void> check(const FlowLog& flow_log);

}  // namespace weir::deliver
