#include "deliver/batch.h"

namespace weir::deliver {

std::size_t batch_length(const BatchLimits& limits, std::size_t count,
                         const std::function<BatchItem(std::size_t)>& item) {
  std::size_t bytes = 0;
  base::UnixSeconds first{};
  for (std::size_t i = 0; i < count; ++i) {
    if (i == limits.items) return i;
    const BatchItem next = item(i);
    if (i == 0) first = next.time;
    bytes += next.bytes + limits.bytes_beside;
    const bool is_too_late = limits.span.count() != 0 && next.time - first > limits.span;
    if (next.bytes > limits.bytes_of_item || bytes > limits.bytes || is_too_late) return i;
  }
  return count;
}

}  // namespace weir::deliver
