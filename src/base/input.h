// Bytes of a capture or a log, unpacked: from a file, standard input or memory; plain, gzip or
// zstd.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace weir::base {

class Input {
 public:
  virtual ~Input() = default;
  /// Fills the front of `out` and returns how many bytes; 0 at the end. What could be unpacked
  /// before a damaged place is handed out first, the error comes after.
  virtual Expected<std::size_t> read(std::span<std::uint8_t> out) = 0;
  /// Bytes taken from the file so far, and its size (0 if not known).
  [[nodiscard]] virtual std::uint64_t consumed() const = 0;
  [[nodiscard]] virtual std::uint64_t total() const = 0;
};

/// Asked with a file's descriptor before each read of it; where it says no, the input ends.
using MayRead = std::function<bool(int descriptor)>;
/// `path` may be "-", standard input. Error: it cannot be opened.
Expected<std::unique_ptr<Input>> open_file(const std::string& path, MayRead may_read = {});
/// The bytes outlive the input.
std::unique_ptr<Input> open_memory(std::span<const std::uint8_t> bytes);
/// Packed bytes that are read at once: so few that they stay in a core's cache with their text.
inline constexpr std::size_t kPackedAtOnce = std::size_t{64} << 10U;
/// Looks at the first bytes, and unpacks if they are gzip's or zstd's.
Expected<std::unique_ptr<Input>> unpacked(std::unique_ptr<Input> input,
                                          std::size_t at_once = kPackedAtOnce);

/// A sliding window over an input: as many bytes in a row as a reader asks for.
class Buffer {
 public:
  explicit Buffer(std::unique_ptr<Input> input);

  /// What is there without reading.
  [[nodiscard]] std::span<const std::uint8_t> available() const {
    return std::span(bytes_).subspan(begin_, end_ - begin_);
  }
  /// Steps over bytes that are there.
  void consume(std::size_t count) { begin_ += count; }
  /// Makes at least `count` bytes available, fewer only at the end of the input. Spans handed out
  /// before are void. REQUIRES: the caller has checked that `count` is sensible.
  Expected<void> fill(std::size_t count);

  /// Where in the unpacked stream the next byte is.
  [[nodiscard]] std::uint64_t offset() const { return base_ + begin_; }
  [[nodiscard]] const Input& input() const { return *input_; }

 private:
  std::unique_ptr<Input> input_;
  std::vector<std::uint8_t> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t base_ = 0;  ///< offset of bytes_[0]
};

}  // namespace weir::base
