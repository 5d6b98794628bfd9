#include "http/unix_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

namespace weir::http {
namespace {

namespace fs = std::filesystem;

constexpr int kBacklog = 64;
constexpr mode_t kOwnerOnly = 0600;

std::string reason_of(int error) {
  return std::generic_category().message(error);
}

std::optional<sockaddr_un> address_of(const SocketPlace& place) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = place.address();
  if (path.size() >= sizeof(address.sun_path)) return std::nullopt;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

base::Descriptor new_socket() {
  return base::Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// 0, or why nobody can be reached there.
int connect_error(const sockaddr_un& address) {
  const base::Descriptor socket = new_socket();
  if (!socket.is_open()) return errno;
  const auto* general = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(socket.get(), general, sizeof(address)) == 0 ? 0 : errno;
}

tl::unexpected<base::Error> listened_to(const std::string& path) {
  return base::fail(path, "another process listens there",
                    "end it, or give each service a socket of its own");
}

/// Takes away what a killed process left.
base::Expected<void> clear(const SocketPlace& place, const sockaddr_un& address,
                           const std::string& path) {
  struct stat status {};
  if (::fstatat(place.folder(), place.name().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return base::fail(path, reason_of(errno));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return base::fail(path, "is there and is no socket", "give another path for the socket");
  }
  const int error = connect_error(address);
  if (error == 0 || error == EAGAIN) return listened_to(path);
  if (error != ECONNREFUSED) return base::fail(path, reason_of(error));
  if (::unlinkat(place.folder(), place.name().c_str(), 0) != 0 && errno != ENOENT) {
    return base::fail(path, "an old socket cannot be removed: " + reason_of(errno));
  }
  return {};
}

/// Of two that start at once, one has it, for as long as it listens; the kernel gives it back
/// however that ends. Not the socket's folder is locked: anybody who may read that could hold it.
base::Expected<base::Descriptor> lock(const SocketPlace& place, const std::string& path) {
  const std::string file = place.name() + ".lock";
  constexpr int kFlags = O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  base::Descriptor held(::openat(place.folder(), file.c_str(), kFlags, kOwnerOnly));
  if (!held.is_open()) {
    return base::fail(path + ".lock", "cannot be opened: " + reason_of(errno));
  }
  if (::flock(held.get(), LOCK_EX | LOCK_NB) == 0) return held;
  if (errno != EWOULDBLOCK) return base::fail(path + ".lock", reason_of(errno));
  return listened_to(path);
}

}  // namespace

base::Expected<SocketPlace> SocketPlace::open(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  SocketPlace place;
  place.name_ = path.filename().string();
  place.folder_ = base::Descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!place.folder_.is_open()) return base::fail(folder.string(), reason_of(errno));
  if (!address_of(place)) {
    return base::fail(path.string(), "the socket's name is too long", "give a shorter one");
  }
  return place;
}

std::string SocketPlace::address() const {
  return "/proc/self/fd/" + std::to_string(folder_.get()) + "/" + name_;
}

base::Expected<UnixListener> UnixListener::open(const fs::path& path) {
  if (path.has_parent_path()) {
    std::error_code ignored;  // what is wrong with the folder, opening it tells
    fs::create_directory(path.parent_path(), ignored);
  }
  auto place = SocketPlace::open(path);
  if (!place) return tl::unexpected(place.error());
  auto held = lock(*place, path.string());
  if (!held) return tl::unexpected(held.error());
  const auto address = *address_of(*place);
  if (auto done = clear(*place, address, path.string()); !done) return tl::unexpected(done.error());
  base::Descriptor socket = new_socket();
  const auto* general = reinterpret_cast<const sockaddr*>(&address);
  const bool listens = socket.is_open() && ::fchmod(socket.get(), kOwnerOnly) == 0 &&
                       ::bind(socket.get(), general, sizeof(address)) == 0 &&
                       ::listen(socket.get(), kBacklog) == 0;
  struct stat status {};
  if (!listens || ::fstatat(place->folder(), place->name().c_str(), &status, 0) != 0) {
    return base::fail(path.string(), "no socket can be made there: " + reason_of(errno));
  }
  return UnixListener(std::move(*place), std::move(*held), std::move(socket), status.st_ino);
}

UnixListener::~UnixListener() {
  struct stat status {};
  if (!socket_.is_open()) return;
  const bool is_ours =
      ::fstatat(place_.folder(), place_.name().c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      status.st_ino == inode_;
  if (is_ours) ::unlinkat(place_.folder(), place_.name().c_str(), 0);
}

}  // namespace weir::http
