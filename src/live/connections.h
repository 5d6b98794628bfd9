// How full the kernel's table of connections is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"

namespace weir::live {

/// A connection leaves no trace when it is forgotten, so that they have to be looked at; all of a
/// large table at once takes longer than a drain may.
class ConnectionCount {
 public:
  /// The table has so many sets of connections; `map` outlives this.
  ConnectionCount(int map, std::size_t sets);
  /// Looks at the next part, at `now` of the tracking clock. Error: the kernel's.
  base::Expected<void> look(std::uint64_t now);
  /// Connections that are remembered, each part as it was when it was looked at last. Nothing until
  /// all have been.
  [[nodiscard]] std::optional<std::size_t> taken() const;

 private:
  int map_;
  std::size_t sets_;
  std::vector<std::optional<std::size_t>> parts_;
  std::size_t next_ = 0;
};

}  // namespace weir::live
