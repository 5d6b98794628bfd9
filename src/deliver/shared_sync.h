// Syncing a folder once for several threads that have changed it.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>

#include "base/error.h"
#include "deliver/disk.h"

namespace weir::deliver {

/// A sync takes milliseconds, however much has changed: who comes during another's waits for the
/// next one, which is for all that wait by then. For several threads, of one folder.
class SharedSync {
 public:
  /// Returns when what the caller has changed before is on disk. Error: this sync failed; who waits
  /// tries again.
  base::Expected<void> sync(Disk& disk, const std::filesystem::path& folder);

 private:
  std::atomic<std::uint64_t> asked_ = 0;
  std::mutex mutex_;
  std::uint64_t done_ = 0;  ///< of those asked
};

}  // namespace weir::deliver
