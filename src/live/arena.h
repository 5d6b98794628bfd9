// What the kernel has left in the quiet half: flows and counts, read and emptied.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "live/datapath.h"

namespace weir::live {

/// One moment by two clocks.
struct Moment {
  base::UnixMicros wall;
  std::uint64_t jiffies = 0;
  unsigned hertz = 0;
};

/// The half of a map's memory that has this number.
template <typename T>
std::span<T> half_of(std::span<T> memory, std::uint32_t number) {
  return memory.subspan(memory.size() / 2 * number, memory.size() / 2);
}

/// Adds up the processors' rows of `row` points each.
void collect_counts(std::span<weir_counts> half, std::size_t row, std::span<PointAccount> points);

/// Hands over what is in the slots, frees them, and counts the packets in `points`.
void collect_flows(std::span<weir_slot> half, const Moment& now, std::span<PointAccount> points,
                   const Datapath::Visit& visit);
void collect_flows(std::span<weir_wide_slot> half, const Moment& now,
                   std::span<PointAccount> points, const Datapath::Visit& visit);

}  // namespace weir::live
