#include "deliver/shared_sync.h"

namespace weir::deliver {

base::Expected<void> SharedSync::sync(Disk& disk, const std::filesystem::path& folder) {
  const std::uint64_t mine = ++asked_;
  const std::scoped_lock lock(mutex_);
  if (done_ >= mine) return {};
  const std::uint64_t all = asked_;  // each changed the folder before it asked
  auto synced = disk.sync_folder(folder);
  if (synced) done_ = all;
  return synced;
}

}  // namespace weir::deliver
