// Memory for large tables that are visited at random.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <type_traits>
#include <vector>

namespace weir::base {

inline constexpr std::size_t kHugePage = std::size_t{2} << 20U;

/// An allocator for std::vector that asks for huge pages where a block is large enough: with pages
/// of 4 kB, a table of a hundred megabytes misses the TLB at every visit.
template <typename T>
struct HugePageAllocator {
  using value_type = T;
  HugePageAllocator() = default;
  template <typename U>
  explicit HugePageAllocator(const HugePageAllocator<U>& /*other*/) {}

  T* allocate(std::size_t count) {
    const std::size_t bytes = count * sizeof(T);
    const bool is_large = bytes > kHugePage / 2;
    const std::size_t alignment = is_large ? kHugePage : alignof(std::max_align_t);
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    void* memory = std::aligned_alloc(alignment, rounded);
    if (memory == nullptr) throw std::bad_alloc();
    if (is_large) madvise(memory, rounded, MADV_HUGEPAGE);  // a wish: without it all is only slower
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t /*count*/) { std::free(memory); }

  bool operator==(const HugePageAllocator& /*other*/) const { return true; }
};

/// A growing array whose elements stay where they are. It takes memory by the huge page, never
/// twice its size as a vector does that moves. Trivial elements only, which need no destruction.
template <typename T>
class HugeArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] T& operator[](std::size_t i) { return chunks_[i / kInChunk][i % kInChunk]; }
  [[nodiscard]] const T& operator[](std::size_t i) const {
    return chunks_[i / kInChunk][i % kInChunk];
  }

  T& push_back(const T& value) {
    if (size_ == chunks_.size() * kInChunk) chunks_.emplace_back().reserve(kInChunk);
    Chunk& chunk = chunks_[size_ / kInChunk];
    ++size_;
    return chunk.emplace_back(value);
  }

  /// Keeps the memory for what comes next.
  void clear() {
    for (Chunk& chunk : chunks_) chunk.clear();
    size_ = 0;
  }

  /// Keeps the order of what is left.
  template <typename Predicate>
  void erase_if(Predicate is_unwanted) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      if (is_unwanted((*this)[i])) continue;
      (*this)[kept++] = (*this)[i];
    }
    while (size_ > kept) {
      --size_;
      chunks_[size_ / kInChunk].pop_back();
    }
    chunks_.resize((size_ + kInChunk - 1) / kInChunk);
  }

 private:
  static constexpr std::size_t kInChunk = kHugePage / sizeof(T);
  using Chunk = std::vector<T, HugePageAllocator<T>>;

  std::vector<Chunk> chunks_;
  std::size_t size_ = 0;
};

}  // namespace weir::base
