// What a spool keeps beside its segments, in one file that is replaced as a whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>

#include "base/error.h"
#include "deliver/coverage.h"
#include "deliver/disk.h"

namespace weir::deliver {

struct SpoolState {
  std::uint64_t opening = 0;        ///< how often the spool was opened
  Coverage lost;                    ///< windows that SKIPDATA does not stand for yet
  std::set<std::uint64_t> removed;  ///< `lost` tells of them: they are not delivered any more
};

/// As it was written last; of a spool that never had one, an empty one. Nothing: it is damaged.
/// Error: it cannot be read now.
base::Expected<std::optional<SpoolState>> read_spool_state(Disk& disk,
                                                           const std::filesystem::path& file);
/// When this returns, it is on disk for good. Error: the one before is, or this one.
base::Expected<void> write_spool_state(Disk& disk, const std::filesystem::path& file,
                                       const SpoolState& state);

}  // namespace weir::deliver
