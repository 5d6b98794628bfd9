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

#include "aws/metadata.h"
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

int spawn(const std::string& command, int output, pid_t& process) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  std::string shell = "sh";
  std::string option = "-c";
  std::string text = command;
  std::array<char*, 4> arguments = {shell.data(), option.data(), text.data(), nullptr};
  const int error =
      ::posix_spawn(&process, "/bin/sh", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

/// Reads to the end; false after `timeout`, or when there is more than credentials could be.
bool read_all(int descriptor, std::chrono::seconds timeout, std::string& out) {
  constexpr std::size_t kMost = std::size_t{1} << 20U;
  const auto end = std::chrono::steady_clock::now() + timeout;
  std::array<char, 4096> block{};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0 || out.size() > kMost) return false;
    pollfd wanted{descriptor, POLLIN, 0};
    const int ready = ::poll(&wanted, 1, static_cast<int>(left.count()));
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t count = ::read(descriptor, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0;
    out.append(block.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

Result<Credentials> credentials_of_process(const std::string& command, const std::string& where,
                                           std::chrono::seconds timeout) {
  Pipe pipe = make_pipe();
  if (!pipe.reading.is_open()) return cannot({where, std::strerror(errno), ""});
  pid_t process = 0;
  if (const int error = spawn(command, pipe.writing.get(), process); error != 0) {
    return cannot({where, std::string("/bin/sh cannot be run: ") + std::strerror(error), ""});
  }
  pipe.writing.close();
  std::string text;
  const bool is_read = read_all(pipe.reading.get(), timeout, text);
  if (!is_read) ::kill(process, SIGKILL);
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  const Secret kept(std::move(text));
  if (!is_read) return cannot({where, "the program did not end in time", "run it by hand"});
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return cannot({where, "the program failed", "run it by hand: " + command});
  }
  return credentials_of_json(kept.reveal(), where);
}

}  // namespace weir::aws
