// How much CloudWatch Logs and Data Firehose take in one call (facts/delivery.md §3).
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include "base/time.h"

namespace weir::deliver {

struct BatchLimits {
  std::size_t items;
  std::size_t bytes;          ///< of all items, each with `bytes_beside`
  std::size_t bytes_beside;   ///< what each item counts beside its own bytes
  std::size_t bytes_of_item;  ///< of one alone, without `bytes_beside`
  std::chrono::seconds span;  ///< between the earliest and the latest; 0: no limit
};

/// PutLogEvents: 1 MiB, of which each event takes 26 bytes beside its message.
inline constexpr BatchLimits kLogsLimits{10'000, 1'048'576, 26, 1'048'576 - 26,
                                         std::chrono::hours(24)};
/// PutRecordBatch: 4 MiB, and 1,000 KiB a record, before base64.
inline constexpr BatchLimits kFirehoseLimits{500, 4'194'304, 0, 1'024'000, {}};

/// What a limit asks of an item.
struct BatchItem {
  std::size_t bytes = 0;
  base::UnixSeconds time;
};

/// How many of `count` items go in one call, beginning with the first; `item(0)`, `item(1)`, … tell
/// of them, in the order of their times. 0: the first is too large for any.
std::size_t batch_length(const BatchLimits& limits, std::size_t count,
                         const std::function<BatchItem(std::size_t)>& item);

}  // namespace weir::deliver
