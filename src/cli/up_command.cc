#include <fmt/format.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <chrono>
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

/// Waits for the wall clock's next second; false: the program is to end.
bool wait_for_next_second() {
  const auto time = now();
  const auto rest = std::chrono::seconds(1) - (time - base::second_of(time));
  pollfd end{interruption_descriptor(), POLLIN, 0};
  ::poll(&end, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(rest).count()));
  return !was_interrupted();
}

int run(const std::string& path) {
  auto config = service::read_config(path);
  if (!config) return failed(config.error());
  watch_interruption();
  auto service = service::Service::start(std::move(*config), now(), say);
  if (!service) return failed(service.error());
  while (wait_for_next_second()) {
    if (auto done = (*service)->tick(now()); !done) return failed(done.error());
  }
  if (auto done = (*service)->stop(now()); !done) return failed(done.error());
  const service::Status& status = (*service)->status();
  fmt::print(stderr,
             "{} packets seen: {} in flows, {} in SKIPDATA, {} not IP or not logged; {} records in "
             "{} objects\n",
             status.seen, status.recorded, status.overflow, status.exceptions, status.records,
             status.objects);
  return status.mismatches == 0 ? kDone : kFailed;
}

}  // namespace

void add_up_command(CLI::App& weir, int& exit_code) {
  auto* command = weir.add_subcommand("up", "Record live interfaces, until it is told to end");
  auto config = std::make_shared<std::string>();
  command->add_option("--config", *config, "weir.toml: what to record, and where to")
      ->required()
      ->type_name("FILE");
  command->callback([config, &exit_code] { exit_code = run(*config); });
}

}  // namespace weir::cli
