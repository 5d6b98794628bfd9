#include "deliver/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>
#include <vector>

#include "base/file_error.h"

namespace weir::deliver {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kFileMode = 0644;

bool have_same_bytes(const fs::path& a, const fs::path& b) {
  std::error_code error;
  const auto size = fs::file_size(a, error);
  if (error || fs::file_size(b, error) != size || error) return false;
  std::ifstream left(a, std::ios::binary);
  std::ifstream right(b, std::ios::binary);
  constexpr std::size_t kBlock = std::size_t{64} << 10U;
  std::vector<char> left_block(kBlock);
  std::vector<char> right_block(kBlock);
  while (left && right) {
    left.read(left_block.data(), kBlock);
    right.read(right_block.data(), kBlock);
    if (left.gcount() != right.gcount() ||
        !std::equal(left_block.begin(), left_block.begin() + left.gcount(), right_block.begin())) {
      return false;
    }
  }
  return left.eof() && right.eof();
}

}  // namespace

base::Expected<void> sync_folder(const fs::path& folder) {
  const base::Descriptor open(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!open.is_open()) return tl::unexpected(base::file_error(folder, "opened", errno));
  if (::fsync(open.get()) != 0) return tl::unexpected(base::file_error(folder, "synced", errno));
  return {};
}

base::Expected<TemporaryFile> TemporaryFile::create(const fs::path& path) {
  base::Descriptor descriptor(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kFileMode));
  if (!descriptor.is_open()) return tl::unexpected(base::file_error(path, "made", errno));
  return TemporaryFile(path, std::move(descriptor));
}

TemporaryFile::~TemporaryFile() {
  if (descriptor_.is_open()) ::unlink(path_.c_str());
}

base::Expected<void> TemporaryFile::write(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected(base::file_error(path_, "written", errno));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

base::Expected<void> TemporaryFile::publish(const fs::path& final_path) {
  if (have_same_bytes(path_, final_path)) return {};  // the destructor removes the new one
  if (::fsync(descriptor_.get()) != 0)
    return tl::unexpected(base::file_error(path_, "synced", errno));
  if (::rename(path_.c_str(), final_path.c_str()) != 0) {
    return tl::unexpected(base::file_error(final_path, "renamed to", errno));
  }
  descriptor_.close();
  return sync_folder(final_path.parent_path());
}

base::Expected<void> make_folders(const fs::path& root, const fs::path& folder) {
  std::vector<fs::path> missing;
  std::error_code error;
  for (fs::path at = folder; !fs::exists(at, error) && at != root; at = at.parent_path()) {
    missing.push_back(at);
  }
  if (!fs::exists(root, error) && !fs::create_directories(root, error) && error) {
    return tl::unexpected(base::file_error(root, "made", error.value()));
  }
  if (!fs::is_directory(root, error)) {
    return tl::unexpected(base::file_error(root, "written to", error ? error.value() : ENOTDIR));
  }
  std::reverse(missing.begin(), missing.end());
  for (const fs::path& at : missing) {
    fs::create_directory(at, error);
    if (error) return tl::unexpected(base::file_error(at, "made", error.value()));
    if (auto synced = sync_folder(at.parent_path()); !synced) return synced;
  }
  return {};
}

}  // namespace weir::deliver
