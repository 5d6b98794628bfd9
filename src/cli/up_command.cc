#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <memory>

#include "base/printable.h"
#include "cli/interruption.h"
#include "cli/options.h"
#include "service/config.h"
#include "service/service.h"

namespace weir::cli {
namespace {

base::UnixMicros now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

void say(const std::string& line) {
  fmt::print(stderr, "weir: {}\n", base::printable(line));
}

/// SIGHUP: the configuration is to be read again.
class ReloadRequests {
 public:
  ReloadRequests() {
    sigset_t hangup{};
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    // In threads that are yet to come too, or it could end the program there.
    pthread_sigmask(SIG_BLOCK, &hangup, nullptr);
    descriptor_ = ::signalfd(-1, &hangup, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ReloadRequests(const ReloadRequests&) = delete;
  ReloadRequests& operator=(const ReloadRequests&) = delete;
  ~ReloadRequests() { ::close(descriptor_); }

  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// Several at once are one.
  [[nodiscard]] bool take() const {
    signalfd_siginfo request{};
    return ::read(descriptor_, &request, sizeof request) == sizeof request;
  }

 private:
  int descriptor_ = -1;
};

/// Until the wall clock's next second, a request, or the program's end.
void wait(const ReloadRequests& requests) {
  const auto time = now();
  const auto rest = std::chrono::seconds(1) - (time - base::second_of(time));
  std::array<pollfd, 2> waited{pollfd{interruption_descriptor(), POLLIN, 0},
                               pollfd{requests.descriptor(), POLLIN, 0}};
  ::poll(waited.data(), waited.size(),
         static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(rest).count()));
}

/// What is wrong leaves everything as it was.
void reload(service::Service& service, const std::string& path) {
  auto config = service::read_config(path);
  const auto done = config ? service.reload(std::move(*config), now())
                           : base::Expected<void>(tl::unexpected(config.error()));
  say(done ? path + " has been read again" : "nothing was changed: " + done.error().message());
}

int run(const std::string& path) {
  auto config = service::read_config(path);
  if (!config) return failed(config.error());
  const ReloadRequests requests;
  watch_interruption();
  auto service = service::Service::start(std::move(*config), now(), say);
  if (!service) return failed(service.error());
  while (wait(requests), !was_interrupted()) {
    if (requests.take()) reload(**service, path);
    if (auto done = (*service)->tick(now()); !done) return failed(done.error());
  }
  if (auto done = (*service)->stop(now()); !done) return failed(done.error());
  const service::Status& status = (*service)->status();
  fmt::print(stderr,
             "{} packets seen: {} in flows, {} in SKIPDATA, {} not IP or not logged; {} records in "
             "{} objects\n",
             status.seen, status.recorded, status.overflow, status.exceptions, status.records,
             status.objects);
  if (status.lost_records != 0) {
    fmt::print(stderr, "{} records could not be written; SKIPDATA stands for them\n",
               status.lost_records);
  }
  return status.mismatches == 0 ? kDone : kFailed;
}

}  // namespace

void add_up_command(Command& weir, int& exit_code) {
  auto* command = weir.add_subcommand("up", "Record live interfaces, until it is told to end");
  auto config = std::make_shared<std::string>();
  command->add_option("--config", *config, "weir.toml: what to record, and where to")
      ->required()
      ->type_name("FILE");
  command->callback([config, &exit_code] { exit_code = run(*config); });
}

}  // namespace weir::cli
