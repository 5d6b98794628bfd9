#include "logs/object_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <tuple>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/digest.h"
#include "base/file_error.h"

namespace weir::logs {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".weir-cache";  // so that no file of others is taken for ours
constexpr std::size_t kHeadBytes = std::tuple_size_v<base::Sha256>;

/// What a file takes up of a disk.
std::uint64_t room_of(std::uint64_t bytes) {
  constexpr std::uint64_t kBlock = 4096;
  return (bytes + kBlock - 1) / kBlock * kBlock;
}

/// Of the key too, so that no file can stand for another.
std::string head_of(const std::string& key, std::string_view bytes) {
  base::Digest digest;
  digest.add(key);
  digest.add(bytes);
  const base::Sha256 hash = digest.take();
  return {hash.begin(), hash.end()};
}

/// False: fewer than there should be.
bool read_whole(int file, std::string& out) {
  for (std::size_t done = 0; done < out.size();) {
    const ssize_t count = ::read(file, out.data() + done, out.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

bool write_whole(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) return false;
    bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }
  return true;
}

/// A file of a cache.
struct Kept {
  timespec used;
  std::uint64_t room;
  std::string path;
};

/// Those of the folder, unfinished ones too: what a writer that died left ages like all others.
std::vector<Kept> kept_in(const fs::path& folder, std::error_code& error) {
  std::vector<Kept> all;
  fs::directory_iterator at(folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const std::string& path = at->path().native();
    struct stat status {};
    if (!path.ends_with(kSuffix) || ::lstat(path.c_str(), &status) != 0) continue;
    if (!S_ISREG(status.st_mode)) continue;
    all.push_back({status.st_mtim, room_of(static_cast<std::uint64_t>(status.st_size)), path});
  }
  return all;
}

}  // namespace

base::Expected<std::unique_ptr<ObjectCache>> ObjectCache::open(fs::path folder,
                                                               std::uint64_t most_bytes,
                                                               std::string endpoint) {
  if (!folder.has_filename()) folder = folder.parent_path();  // "cache/"
  std::error_code error;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), error);
  if (!error && ::mkdir(folder.c_str(), S_IRWXU) != 0) error = {errno, std::generic_category()};
  std::error_code is_none;
  if (error && !fs::is_directory(folder, is_none)) {
    return tl::unexpected(base::file_error(folder, "made", error.value()));
  }
  return std::unique_ptr<ObjectCache>(
      new ObjectCache(std::move(folder), most_bytes, std::move(endpoint)));
}

std::string ObjectCache::key_of(const Object& object, aws::ByteRange part) const {
  return fmt::format("{}\n{}\n{}\n{}\n{}+{}", endpoint_, object.path, object.etag, object.bytes,
                     part.first, part.count);
}

fs::path ObjectCache::path_of(const std::string& key) const {
  base::Digest digest;
  digest.add(key);
  return folder_ / (digest.take_hex() + std::string(kSuffix));
}

std::optional<std::string> ObjectCache::get(const Object& object, aws::ByteRange part) {
  const std::string key = key_of(object, part);
  const fs::path path = path_of(key);
  const base::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.is_open()) return std::nullopt;
  struct stat status {};
  // Whoever else may write to the folder can make a checksum, too.
  bool is_whole = ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) &&
                  status.st_uid == ::geteuid() &&
                  static_cast<std::uint64_t>(status.st_size) == kHeadBytes + part.count;
  std::string head(kHeadBytes, '\0');
  std::string bytes(is_whole ? part.count : 0, '\0');
  is_whole = is_whole && read_whole(file.get(), head) && read_whole(file.get(), bytes) &&
             head == head_of(key, bytes);
  if (!is_whole) {
    ::unlink(path.c_str());
    return std::nullopt;
  }
  ::futimens(file.get(), nullptr);  // its last use
  ++hits_;
  bytes_hit_ += bytes.size();
  return bytes;
}

void ObjectCache::put(const Object& object, aws::ByteRange part, std::string_view bytes) {
  const std::string key = key_of(object, part);
  const std::string head = head_of(key, bytes);
  const std::uint64_t room = room_of(head.size() + bytes.size());
  // One at a time: what is being written would not be seen whole when room is made.
  const std::scoped_lock lock(mutex_);
  if (failure_ || (room > may_be_put_ && !make_room(room))) return;
  if (!write(path_of(key), head, bytes)) return fail("written", errno);
  may_be_put_ -= room;
}

/// Looks what there is, and removes what was used longest ago if that is too much. Others may do so
/// at the same time. False: there is no room for so much.
bool ObjectCache::make_room(std::uint64_t room) {
  constexpr std::uint64_t kLooks = 16;  // while as much is put as there may be
  const std::uint64_t share = most_bytes_ / kLooks;
  if (room > most_bytes_ - share) return false;
  std::error_code error;
  auto all = kept_in(folder_, error);
  if (error) {
    fail("listed", error.value());
    return false;
  }
  std::uint64_t used = 0;
  for (const Kept& each : all) used += each.room;
  if (used + room > most_bytes_) {
    std::sort(all.begin(), all.end(), [](const Kept& a, const Kept& b) {
      return std::tie(a.used.tv_sec, a.used.tv_nsec) < std::tie(b.used.tv_sec, b.used.tv_nsec);
    });
    for (const Kept& each : all) {
      if (used + room <= most_bytes_ - share) break;
      if (::unlink(each.path.c_str()) != 0 && errno != ENOENT) {
        fail("cleared", errno);
        return false;
      }
      used -= each.room;
    }
  }
  may_be_put_ = std::max(room, std::min(share, most_bytes_ - used));
  return true;
}

bool ObjectCache::write(const fs::path& path, std::string_view head, std::string_view bytes) {
  std::string unfinished = (folder_ / ("new-XXXXXX" + std::string(kSuffix))).native();
  const base::Descriptor file(
      ::mkostemps(unfinished.data(), static_cast<int>(kSuffix.size()), O_CLOEXEC));
  if (!file.is_open()) return false;
  // Not synced: after a crash of the machine the checksum tells.
  if (write_whole(file.get(), head) && write_whole(file.get(), bytes) &&
      // Another that makes room may have taken it away.
      (::rename(unfinished.c_str(), path.c_str()) == 0 || errno == ENOENT)) {
    return true;
  }
  const int error_number = errno;
  ::unlink(unfinished.c_str());
  errno = error_number;
  return false;
}

void ObjectCache::fail(const char* doing, int error_number) {
  failure_ = base::file_error(folder_, doing, error_number);
}

std::optional<base::Error> ObjectCache::failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

}  // namespace weir::logs
