// Where a flow log is delivered to, in the parameters of AWS's CreateFlowLogs.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace weir::deliver {

/// Parameters as they are given; "" is not given.
struct LogDestinationAsked {
  std::string log_destination_type;  ///< "s3", "cloud-watch-logs", "kinesis-data-firehose"
  std::string log_destination;
  std::string log_group_name;
  std::string deliver_logs_permission_arn;
};

enum class LogDestinationType : std::uint8_t {
  folder,
  s3,
  cloud_watch_logs,
  kinesis_data_firehose
};

struct LogDestination {
  LogDestinationType type = LogDestinationType::folder;
  std::string name;      ///< folder, s3://bucket/prefix, log group, delivery stream
  std::string region;    ///< of a log group's or delivery stream's ARN; "": the flow log's
  std::string role_arn;  ///< who delivers; "": the program's own credentials

  [[nodiscard]] bool takes_events() const {
    return type == LogDestinationType::cloud_watch_logs ||
           type == LogDestinationType::kinesis_data_firehose;
  }

  friend bool operator==(const LogDestination&, const LogDestination&) = default;
};

/// As AWS reads them, and with its words where it refuses them; but that without a type a folder is
/// one, and s3://bucket says its type itself. `before_names` stands before the parameters' names in
/// errors: "--", "flow-log[0].".
base::Expected<LogDestination> log_destination_of(const LogDestinationAsked& asked,
                                                  const std::string& before_names);

}  // namespace weir::deliver
