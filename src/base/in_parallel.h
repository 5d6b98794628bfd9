// The same thing done for many, by several threads that mostly wait.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace weir::base {

/// Calls `each` with every number below `count`, once, by at most `threads` at once, and returns
/// when all have been.
template <typename Each>
void in_parallel(std::size_t count, std::size_t threads, const Each& each) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) each(i);
  };
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < std::min(count, threads); ++i) others.emplace_back(work);
  work();
}

}  // namespace weir::base
