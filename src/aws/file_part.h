// A part of a file, sent without ever being in memory as a whole.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/digest.h"

namespace weir::aws {

struct FilePart {
  int descriptor = -1;  ///< of whoever made this, open as long as it is used
  std::uint64_t first = 0;
  std::uint64_t bytes = 0;

  /// Fills `out` with what begins at the part's byte `at`, and returns how many bytes that are: all
  /// that `out` has room for, or all up to the part's end. Nothing: they cannot be read, or the
  /// file is shorter. For several threads at once.
  [[nodiscard]] std::optional<std::size_t> read(std::uint64_t at,
                                                std::span<std::uint8_t> out) const;
  /// Nothing: it cannot be read.
  [[nodiscard]] std::optional<base::Sha256> sha256() const;
};

}  // namespace weir::aws
