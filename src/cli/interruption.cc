#include "cli/interruption.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>

namespace weir::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;
volatile std::sig_atomic_t descriptor = -1;

void note(int /*signal*/) {
  interrupted = 1;
  const std::uint64_t one = 1;
  // It can only fail because it is set already.
  [[maybe_unused]] const ssize_t written = ::write(descriptor, &one, sizeof one);
}

}  // namespace

void watch_interruption() {
  if (descriptor >= 0) return;
  descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = static_cast<int>(SA_RESETHAND | static_cast<unsigned>(SA_RESTART));
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int interruption_descriptor() {
  return descriptor;
}

bool was_interrupted() {
  return interrupted != 0;
}

}  // namespace weir::cli
