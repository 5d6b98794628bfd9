#include "deliver/disk.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include "base/descriptor.h"
#include "base/file_error.h"
#include "deliver/file.h"

namespace weir::deliver {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kFileMode = 0600;

tl::unexpected<base::Error> failure(const fs::path& path, const char* doing, int error_number) {
  return tl::unexpected(base::file_error(path, doing, error_number));
}

}  // namespace

base::Expected<void> Disk::append_synced(const fs::path& file, std::string_view bytes) {
  const base::Descriptor open(
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, kFileMode));
  if (!open.is_open()) return failure(file, "opened", errno);
  while (!bytes.empty()) {
    const ssize_t count = ::write(open.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(file, "written", errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(open.get()) != 0) return failure(file, "synced", errno);
  return {};
}

base::Expected<void> Disk::rename(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failure(to, "renamed to", errno);
  return {};
}

base::Expected<void> Disk::remove(const fs::path& file) {
  if (::unlink(file.c_str()) != 0 && errno != ENOENT) return failure(file, "removed", errno);
  return {};
}

base::Expected<void> Disk::sync_folder(const fs::path& folder) {
  return deliver::sync_folder(folder);
}

base::Expected<std::uint64_t> Disk::size(const fs::path& file) {
  std::error_code error;
  const std::uint64_t size = fs::file_size(file, error);
  if (error) return failure(file, "read", error.value());
  return size;
}

base::Expected<std::string> Disk::read(const fs::path& file, std::uint64_t offset,
                                       std::size_t count) {
  const base::Descriptor open(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!open.is_open()) return failure(file, "opened", errno);
  std::string out(count, '\0');
  std::size_t have = 0;
  while (have < count) {
    const ssize_t got =
        ::pread(open.get(), out.data() + have, count - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(file, "read", errno);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  out.resize(have);
  return out;
}

base::Expected<std::uint64_t> Disk::available(const fs::path& folder) {
  struct statvfs status {};
  if (::statvfs(folder.c_str(), &status) != 0) return failure(folder, "asked for space", errno);
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

}  // namespace weir::deliver
