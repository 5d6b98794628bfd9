// Asks a server at a Unix socket.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir::http {

/// One connection. For one thread.
class Client {
 public:
  /// Error: the socket's folder cannot be opened.
  static base::Expected<Client> open(const std::filesystem::path& socket);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  /// The body. Errors: nobody listens, it does not answer within ten seconds, a status other than
  /// 200, a body that is too long.
  base::Expected<std::string> get(const std::string& path);

  /// Begins an answer that goes on. Whole lines of it, without their ends, are handed to `line`.
  void follow(const std::string& path, std::function<void(std::string_view line)> line);
  /// Waits until lines were handed over, `also` (a descriptor, or -1) can be read from, or the time
  /// is over. False: the answer has come to its end. Errors: as `get`.
  /// REQUIRES: `follow`, and no end or error since.
  base::Expected<bool> wait(int also, std::chrono::milliseconds time);

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::http
