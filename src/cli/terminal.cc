#include "cli/terminal.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>

namespace weir::cli {
namespace {

// The other screen, without a cursor and without breaking long lines; and back.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr std::string_view kLeave = "\x1b[?7h\x1b[?25h\x1b[?1049l";

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return;  // who wrote to is gone; reading keys says so
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// The first key of what a terminal sent: a letter, or a sequence like "\x1b[5~".
std::string_view first_key(std::string_view sent) {
  if (!sent.starts_with("\x1b[") && !sent.starts_with("\x1bO")) return sent.substr(0, 1);
  std::size_t end = 2;
  while (end < sent.size() && (sent[end] < '@' || sent[end] > '~')) ++end;
  return sent.substr(0, end + 1);
}

}  // namespace

struct Terminal::State {
  termios before{};
  sigset_t signals_before{};
  int resized = -1;
  int events = -1;
};

bool Terminal::is_there() {
  return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
}

base::Expected<Terminal> Terminal::take() {
  auto state = std::make_unique<State>();
  if (tcgetattr(STDIN_FILENO, &state->before) != 0) {
    return base::fail("the terminal", std::generic_category().message(errno));
  }
  termios raw = state->before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  raw.c_cc[VSUSP] = _POSIX_VDISABLE;  // a stopped program could not give the screen back
  tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  sigset_t resized;
  sigemptyset(&resized);
  sigaddset(&resized, SIGWINCH);
  sigprocmask(SIG_BLOCK, &resized, &state->signals_before);
  state->resized = signalfd(-1, &resized, SFD_CLOEXEC | SFD_NONBLOCK);
  state->events = epoll_create1(EPOLL_CLOEXEC);
  for (const int fd : {STDIN_FILENO, state->resized}) {
    epoll_event event{EPOLLIN, {}};
    epoll_ctl(state->events, EPOLL_CTL_ADD, fd, &event);
  }
  write_all(kEnter);
  return Terminal(std::move(state));
}

Terminal::Terminal(std::unique_ptr<State> state) : state_(std::move(state)) {}
Terminal::Terminal(Terminal&&) noexcept = default;

Terminal::~Terminal() {
  if (state_ == nullptr) return;
  write_all(kLeave);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &state_->before);
  ::close(state_->resized);
  ::close(state_->events);
  sigprocmask(SIG_SETMASK, &state_->signals_before, nullptr);
}

TopSize Terminal::size() const {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return {};
  }
  return {size.ws_col, size.ws_row};
}

void Terminal::show(const std::vector<std::string>& lines) {
  std::string text = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    // A newline after the last line would scroll the screen.
    text += (i == 0 ? "" : "\r\n") + lines[i] + "\x1b[K";
  }
  write_all(text + "\x1b[J");
}

int Terminal::descriptor() const {
  return state_->events;
}

bool Terminal::keys(std::vector<std::string>& out) {
  signalfd_siginfo ignored{};
  while (::read(state_->resized, &ignored, sizeof ignored) > 0) {
  }
  out.clear();
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (::poll(&input, 1, 0) != 1) return true;
  std::array<char, 256> sent{};
  const ssize_t count = ::read(STDIN_FILENO, sent.data(), sent.size());
  if (count <= 0) return count < 0 && errno == EINTR;
  std::string_view rest(sent.data(), static_cast<std::size_t>(count));
  while (!rest.empty()) {
    out.emplace_back(first_key(rest));
    rest.remove_prefix(out.back().size());
  }
  return true;
}

}  // namespace weir::cli
