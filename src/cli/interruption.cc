#include "cli/interruption.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

namespace weir::cli {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t interrupted = 0;
volatile std::sig_atomic_t event = -1;

void note_interruption(int /*signal*/) {
  interrupted = 1;
  for (const int number : kSignals) {
    static_cast<void>(std::signal(number, SIG_DFL));
  }
  const std::uint64_t one = 1;
  // It can only fail because it is set already.
  [[maybe_unused]] const ssize_t written = ::write(event, &one, sizeof one);
}

void take_signals() {
  struct sigaction action {};
  action.sa_handler = note_interruption;
  action.sa_flags = SA_RESTART;
  // Another one waits until the handler is done, and ends the program then.
  for (const int signal : kSignals) sigaddset(&action.sa_mask, signal);
  for (const int signal : kSignals) {
    struct sigaction before {};
    sigaction(signal, nullptr, &before);
    // nohup says so.
    if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
}

}  // namespace

void watch_interruption() {
  if (event >= 0) return;
  event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  take_signals();
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
}

void watch_next_interruption() {
  if (!was_interrupted()) return;
  interrupted = 0;
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t taken = ::read(event, &count, sizeof count);
  take_signals();
}

int interruption_descriptor() {
  return event;
}

bool was_interrupted() {
  return interrupted != 0;
}

bool output_is_gone() {
  pollfd output{STDOUT_FILENO, 0, 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

OnInterruption::OnInterruption(std::function<void()> call)
    : end_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_([this, call = std::move(call)] {
        std::array<pollfd, 2> waited = {pollfd{interruption_descriptor(), POLLIN, 0},
                                        pollfd{end_.get(), POLLIN, 0}};
        while (::poll(waited.data(), waited.size(), -1) < 0 && errno == EINTR) {
        }
        if (was_interrupted()) call();
      }) {}

OnInterruption::~OnInterruption() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(end_.get(), &one, sizeof one);
  thread_.join();
}

bool UntilInterrupted::operator()(int descriptor) {
  std::array<pollfd, 2> waited = {pollfd{descriptor, POLLIN, 0},
                                  pollfd{interruption_descriptor(), POLLIN, 0}};
  while (!was_interrupted() && ::poll(waited.data(), waited.size(), -1) < 0 && errno == EINTR) {
  }
  has_cut_off_ = was_interrupted() && !has_more(descriptor);
  return !has_cut_off_;
}

/// Whatever the writer closes, it can be read: its end is.
bool UntilInterrupted::has_more(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) return false;
  const auto now = std::chrono::steady_clock::now();
  if (!end_) end_ = now + std::chrono::seconds(1);
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*end_ - now).count();
  pollfd waited{descriptor, POLLIN, 0};
  return left > 0 && ::poll(&waited, 1, static_cast<int>(left)) > 0;
}

}  // namespace weir::cli
