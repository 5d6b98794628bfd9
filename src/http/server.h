// Answers HTTP at a socket, in the thread that calls it, without ever waiting.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "http/broadcast.h"

namespace weir::http {

/// Never waits for anybody: what is not read yet stays in the kernel, in one block of each reader
/// and in the broadcast. Bounded: connections, readers of broadcasts, the bytes and the time that a
/// request takes. It only gives: GET and HEAD.
class Server {
 public:
  static constexpr unsigned kConnections = 64;
  /// Fewer, so that somebody who only asks finds room.
  static constexpr unsigned kReaders = 32;

  /// `listener` listens, and outlives the server. Error: the kernel's.
  static base::Expected<Server> open(int listener);
  Server(Server&&) noexcept;
  Server& operator=(Server&&) = delete;
  /// Gives who reads broadcasts so much time to read what was appended; only here it waits.
  static constexpr std::chrono::milliseconds kFarewell{1000};
  ~Server();

  /// What a path ("/metrics") answers, made anew for each request.
  void answer(std::string path, std::string content_type, std::function<std::string()> body);
  /// A path whose answer goes on. `broadcast` outlives the server.
  void answer(std::string path, std::string content_type, const Broadcast& broadcast);

  /// Can be read from, for poll, when `run` has something to do.
  [[nodiscard]] int descriptor() const;
  /// How long `run` may be put off, whatever the descriptor says.
  [[nodiscard]] std::optional<std::chrono::milliseconds> patience() const;
  /// Does what can be done without waiting.
  void run();
  /// Something was appended to a broadcast: `run` hands it over.
  void wake_readers();
  /// Of broadcasts, now.
  [[nodiscard]] std::size_t readers() const;

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::http
