// A flow log's settings, with AWS's names, values and defaults (facts/flow-logs.md §6.1).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "record/log_format.h"

namespace weir::deliver {

enum class TrafficType : std::uint8_t { all, accept, reject };
enum class FileFormat : std::uint8_t { plain_text, parquet };

struct FlowLog {
  std::string id;          ///< "fl-" and 17 hex digits
  std::string account_id;  ///< who the objects' keys name
  std::string region;
  TrafficType traffic_type = TrafficType::all;
  std::chrono::seconds max_aggregation_interval{600};  ///< 60 or 600
  record::LogFormat log_format;
  FileFormat file_format = FileFormat::plain_text;
  bool hive_compatible_partitions = false;
  bool per_hour_partition = false;

  friend bool operator==(const FlowLog&, const FlowLog&) = default;
};

}  // namespace weir::deliver
