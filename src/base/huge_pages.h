// Memory for large tables that are visited at random.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>

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
    const bool is_large = bytes >= kHugePage;
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

}  // namespace weir::base
