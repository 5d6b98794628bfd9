#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <memory>

#include "base/descriptor.h"
#include "base/printable.h"
#include "cli/interruption.h"
#include "cli/options.h"
#include "cli/s3_options.h"
#include "cli/service_manager.h"
#include "http/loopback.h"
#include "http/unix_socket.h"
#include "service/config.h"
#include "service/privileges.h"
#include "service/service.h"
#include "telemetry/telemetry.h"

namespace weir::cli {
namespace {

base::UnixMicros now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
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
    descriptor_ = base::Descriptor(::signalfd(-1, &hangup, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  /// Several at once are one.
  [[nodiscard]] bool take() const {
    signalfd_siginfo request{};
    return ::read(descriptor_.get(), &request, sizeof request) == sizeof request;
  }

 private:
  base::Descriptor descriptor_;
};

/// Until the wall clock's next second, a request, or the program's end, or, if it is to be short,
/// not at all; until then who asks is answered.
void wait(const ReloadRequests& requests, telemetry::Telemetry& telemetry, bool is_short) {
  using std::chrono::milliseconds;
  const base::UnixMicros begin = now();
  const base::UnixMicros end = is_short ? begin : base::second_of(begin) + std::chrono::seconds(1);
  const auto asked = telemetry.descriptors();
  std::array<pollfd, 4> waited{pollfd{interruption_descriptor(), POLLIN, 0},
                               pollfd{requests.descriptor(), POLLIN, 0},
                               pollfd{asked[0], POLLIN, 0}, pollfd{asked[1], POLLIN, 0}};
  auto time = begin;
  do {
    const auto rest = std::chrono::ceil<milliseconds>(end - time);
    const auto patience = std::min(rest, telemetry.patience().value_or(rest));
    ::poll(waited.data(), waited.size(), static_cast<int>(patience.count()));
    telemetry.run();
    if (waited[0].revents != 0 || waited[1].revents != 0) return;
    time = now();
    // A clock that is set back does not make it wait longer.
  } while (time < end && time >= begin);
}

struct UpOptions {
  std::string config;
  std::optional<std::uint64_t> publish_interval;  ///< seconds; instead of what the file says
};

base::Expected<service::Config> read_config(const UpOptions& options) {
  auto config = service::read_config(options.config);
  if (config && options.publish_interval) {
    config->publish_interval = std::chrono::seconds(*options.publish_interval);
  }
  return config;
}

/// What is wrong leaves everything as it was.
void reload(service::Service& service, const UpOptions& options) {
  auto config = read_config(options);
  const auto done = config ? service.reload(std::move(*config), now())
                           : base::Expected<void>(tl::unexpected(config.error()));
  tell(done ? base::LogLine{base::Severity::info, options.config + " has been read again"}
            : base::LogLine{base::Severity::error,
                            "nothing was changed: " + done.error().message()});
}

void print_summary(const service::Service& service) {
  const service::Status& status = service.status();
  print_line(
      base::Severity::info,
      fmt::format(
          "{} packets seen: {} in flows, {} in SKIPDATA, {} not IP or not logged; {} "
          "records in {} objects{}",
          status.seen, status.recorded, status.overflow, status.exceptions, status.records,
          status.objects,
          status.batches == 0 ? "" : fmt::format(" and {} batches of events", status.batches)));
  if (status.lost_records != 0) {
    print_line(
        base::Severity::error,
        fmt::format("{} records could not be written; SKIPDATA stands for them, or will when "
                    "weir runs again if it could not be written either",
                    status.lost_records));
  }
  if (status.refused_records != 0) {
    print_line(base::Severity::error,
               fmt::format("{} records are lost: their service refuses them for ever, as too old, "
                           "too new or too large",
                           status.refused_records));
  }
  for (const service::DeliveryAccount& each : service.deliveries()) {
    print_line(
        base::Severity::info,
        fmt::format("{}: {} {} delivered, {} wait in the spool", base::printable(each.destination),
                    each.delivery.delivered, each.takes_events ? "batches of events" : "objects",
                    each.spool.waiting));
  }
}

int run(const UpOptions& options) {
  auto config = read_config(options);
  if (!config) return failed(config.error());
  const ReloadRequests requests;
  watch_interruption();
  if (!config->user.empty()) {
    if (auto done = service::become(config->user); !done) return failed(done.error());
  }
  keep_secrets();  // those of destinations that are yet to come, too
  // Two services of one socket would record everything twice.
  const auto listener = http::UnixListener::open(config->socket);
  if (!listener) return failed(listener.error());
  std::optional<http::LoopbackListener> metrics;
  if (config->metrics) {
    auto opened = http::LoopbackListener::open(*config->metrics);
    if (!opened) return failed(opened.error());
    metrics.emplace(std::move(*opened));
  }
  const ServiceManager manager;
  auto service = service::Service::start(std::move(*config), now(), tell, [&manager] {
    manager.starting();
    return !was_interrupted();
  });
  if (!service) return failed(service.error());
  if (*service == nullptr) {
    print_line(base::Severity::info, "it was told to end before it recorded anything");
    return kDone;
  }
  auto telemetry = telemetry::Telemetry::open(*listener, metrics, **service);
  if (!telemetry) return failed(telemetry.error());
  manager.ready();
  while (wait(requests, *telemetry, (*service)->wants_tick()), !was_interrupted()) {
    if (requests.take()) {
      manager.reloading();
      reload(**service, options);
      manager.ready();
    }
    const base::UnixMicros time = now();
    if (auto done = (*service)->tick(time); !done) return failed(done.error());
    telemetry->ticked(time);
    manager.alive();
  }
  manager.stopping();
  const base::UnixMicros end = now();
  if (auto done = (*service)->stop(end); !done) return failed(done.error());
  telemetry->ticked(end);
  print_summary(**service);
  return (*service)->status().mismatches == 0 ? kDone : kFailed;
}

}  // namespace

void add_up_command(Command& weir, int& exit_code) {
  auto* command = weir.add_subcommand("up", "Record live interfaces, until it is told to end");
  auto options = std::make_shared<UpOptions>();
  command->add_option("--config", options->config, "weir.toml: what to record, and where to")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--publish-interval", options->publish_interval,
                   "Publish objects every so many seconds, whatever publish-interval in the file "
                   "says; less than 300 is for labs")
      ->range(1, 300)
      ->type_name("SECONDS");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace weir::cli
