#include "base/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "base/file_error.h"

namespace weir::base {

Expected<FolderLock> FolderLock::take(const std::filesystem::path& folder, Error in_use) {
  constexpr mode_t kOwnerOnly = 0600;
  const std::filesystem::path path = folder / "lock";
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
  if (!file.is_open()) return tl::unexpected(file_error(path, "made", errno));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return FolderLock(std::move(file));
  if (errno == EWOULDBLOCK) return tl::unexpected(std::move(in_use));
  return tl::unexpected(file_error(path, "locked", errno));
}

}  // namespace weir::base
