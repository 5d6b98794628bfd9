// Unix sockets by their path: who listens there, and the way to it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "base/descriptor.h"
#include "base/error.h"

namespace weir::http {

/// The folder of a socket, held open: a socket's address holds 107 bytes of a path, and folders
/// have longer ones.
class SocketPlace {
 public:
  /// Error: the folder cannot be opened, the name is too long.
  static base::Expected<SocketPlace> open(const std::filesystem::path& path);
  [[nodiscard]] int folder() const { return folder_.get(); }
  [[nodiscard]] const std::string& name() const { return name_; }
  /// A short path to the socket, as long as this lives.
  [[nodiscard]] std::string address() const;

 private:
  base::Descriptor folder_;
  std::string name_;
};

/// Listens, and takes its socket away when it goes.
class UnixListener {
 public:
  /// Only this user (and root) can connect. A socket that nobody listens at any more, as a killed
  /// process leaves it, is replaced; the last folder is made if it is missing. Beside the socket
  /// a file is left, "{socket}.lock". Errors: somebody listens there, or it is no socket.
  static base::Expected<UnixListener> open(const std::filesystem::path& path);
  UnixListener(UnixListener&&) noexcept = default;
  UnixListener& operator=(UnixListener&&) = delete;
  ~UnixListener();

  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  UnixListener(SocketPlace place, base::Descriptor lock, base::Descriptor socket, ino_t inode)
      : place_(std::move(place)),
        lock_(std::move(lock)),
        socket_(std::move(socket)),
        inode_(inode) {}

  SocketPlace place_;
  base::Descriptor lock_;
  base::Descriptor socket_;
  ino_t inode_;  ///< of what it made: another one's is not taken away
};

}  // namespace weir::http
