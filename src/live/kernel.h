// Thin owners of what the kernel hands out, and its refusals in words.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/error.h"

namespace weir::live {

/// A map's memory, shared with the kernel.
template <typename T>
class MappedMemory {
 public:
  MappedMemory() = default;
  static base::Expected<MappedMemory> map(int fd, std::size_t count, const std::string& what);
  MappedMemory(MappedMemory&& other) noexcept : memory_(std::exchange(other.memory_, {})) {}
  MappedMemory& operator=(MappedMemory&& other) noexcept {
    std::swap(memory_, other.memory_);
    return *this;
  }
  MappedMemory(const MappedMemory&) = delete;
  MappedMemory& operator=(const MappedMemory&) = delete;
  ~MappedMemory() {
    if (!memory_.empty()) munmap(memory_.data(), memory_.size_bytes());
  }

  [[nodiscard]] std::span<T> get() const { return memory_; }

 private:
  std::span<T> memory_;
};

/// "what: why" of an errno, with what to do about the usual ones.
tl::unexpected<base::Error> refused(std::string what, int error);

template <typename T>
base::Expected<MappedMemory<T>> MappedMemory<T>::map(int fd, std::size_t count,
                                                     const std::string& what) {
  void* memory = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return refused(what, errno);
  MappedMemory mapped;
  mapped.memory_ = {static_cast<T*>(memory), count};
  return mapped;
}

/// Returns once every program that ran when it was called has ended.
base::Expected<void> wait_for_running_programs();

/// Runs a program of the kernel on a packet, `repeat` times over; returns what it returned.
struct TestRun {
  std::uint32_t result = 0;
  std::chrono::nanoseconds each{};
};
struct Segmentation {
  std::uint32_t segments = 0;
  std::uint32_t size = 0;
};
base::Expected<TestRun> test_run(int program, std::span<const std::uint8_t> packet,
                                 std::uint32_t repeat = 1, Segmentation segmentation = {});

}  // namespace weir::live
