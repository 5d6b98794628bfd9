#include "aws/credential_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "aws/metadata.h"
#include "aws/words.h"
#include "base/descriptor.h"

namespace weir::aws {
namespace {

struct Pipe {
  base::Descriptor reading;
  base::Descriptor writing;
};

/// What cannot be made is not open.
Pipe make_pipe() {
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  return {base::Descriptor(ends[0]), base::Descriptor(ends[1])};
}

int spawn(std::vector<std::string> words, int output, pid_t& process) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int error =
      ::posix_spawnp(&process, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

struct Patience {
  std::chrono::steady_clock::time_point end;
  const std::atomic<bool>* is_cancelled;

  [[nodiscard]] bool was_cancelled() const { return is_cancelled != nullptr && *is_cancelled; }
  [[nodiscard]] bool is_over() const {
    return was_cancelled() || std::chrono::steady_clock::now() >= end;
  }
};

/// The CLI takes no other version, and the number only.
bool is_version_1(const nlohmann::json& json) {
  return json.is_object() && json.contains("Version") && json["Version"].is_number() &&
         json["Version"] == 1;
}

constexpr std::size_t kMost = std::size_t{1} << 20U;  // more than credentials could be

/// Reads to the end; false when patience is over, or there is more than `kMost`.
bool read_all(int descriptor, const Patience& patience, std::string& out) {
  constexpr int kLook = 50;  // milliseconds: who cancels waits no longer
  std::array<char, 4096> block{};
  for (;;) {
    if (patience.is_over() || out.size() > kMost) return false;
    pollfd wanted{descriptor, POLLIN, 0};
    const int ready = ::poll(&wanted, 1, kLook);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t count = ::read(descriptor, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0;
    out.append(block.data(), static_cast<std::size_t>(count));
  }
}

/// Whether it ends by itself while there is patience, with this status; else it is killed.
bool ends(pid_t process, const Patience& patience, int& status) {
  constexpr std::chrono::milliseconds kLook{5};  // most have ended when their output has
  while (::waitpid(process, &status, WNOHANG) == 0) {
    if (patience.is_over()) {
      ::kill(process, SIGKILL);
      while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
      }
      return false;
    }
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

}  // namespace

Result<Credentials> credentials_of_process(const std::string& command, const std::string& where,
                                           const std::atomic<bool>* is_cancelled,
                                           std::chrono::seconds timeout) {
  auto words = split_words(command);
  if (!words || words->empty()) {
    return cannot({where, "its quotes are not closed, or it is empty", "mend the file"});
  }
  Pipe pipe = make_pipe();
  if (!pipe.reading.is_open()) return cannot({where, std::strerror(errno), ""});
  pid_t process = 0;
  if (const int error = spawn(std::move(*words), pipe.writing.get(), process); error != 0) {
    return cannot({where, std::string("the program cannot be run: ") + std::strerror(error),
                   "it is run without a shell, as by the AWS CLI"});
  }
  pipe.writing.close();
  std::string text;
  const Patience patience{std::chrono::steady_clock::now() + timeout, is_cancelled};
  const bool is_read = read_all(pipe.reading.get(), patience, text);
  if (!is_read) ::kill(process, SIGKILL);
  int status = 0;
  const bool has_ended = ends(process, patience, status) && is_read;
  const bool is_long = text.size() > kMost;
  const Secret kept(std::move(text));
  if (!has_ended && patience.was_cancelled()) {
    Failure failure;
    failure.kind = Failure::Kind::cancelled;
    failure.error = {where, "waiting for the program was cancelled", ""};
    return tl::unexpected(std::move(failure));
  }
  if (is_long) return cannot({where, "the program prints more than credentials are", ""});
  if (!has_ended) return cannot({where, "the program did not end in time", "run it by hand"});
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    // The command is not shown: its arguments may be a secret.
    return cannot({where, "the program failed", "run it by hand; no shell reads its arguments"});
  }
  const auto json = nlohmann::json::parse(kept.reveal(), nullptr, false);
  if (!is_version_1(json)) {
    return cannot({where, "what the program printed is no JSON with \"Version\": 1", ""});
  }
  return credentials_of_json(json, where);
}

}  // namespace weir::aws
