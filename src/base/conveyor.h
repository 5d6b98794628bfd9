// Work handed from one thread to another, in order, without copying it.
#pragma once

#include <cstddef>
#include <semaphore>
#include <vector>

namespace weir::base {

/// A ring of blocks between one thread that fills them and one that empties them. Either waits
/// where the other is behind, so memory stays what it is. How the end is told is the blocks' own
/// business.
template <typename Block>
class Conveyor {
 public:
  explicit Conveyor(std::size_t blocks)
      : blocks_(blocks), empty_(static_cast<std::ptrdiff_t>(blocks)) {}

  /// The filling thread: a block to fill, as the other thread left it; then `pass` it on.
  Block& to_fill() {
    empty_.acquire();
    return blocks_[filling_];
  }
  void pass() {
    filling_ = (filling_ + 1) % blocks_.size();
    full_.release();
  }

  /// The emptying thread: the next block; then give it `back`.
  Block& to_empty() {
    full_.acquire();
    return blocks_[emptying_];
  }
  void give_back() {
    emptying_ = (emptying_ + 1) % blocks_.size();
    empty_.release();
  }

 private:
  std::vector<Block> blocks_;
  std::counting_semaphore<> empty_;
  std::counting_semaphore<> full_{0};
  std::size_t filling_ = 0;   ///< the filling thread's alone
  std::size_t emptying_ = 0;  ///< the emptying thread's alone
};

}  // namespace weir::base
