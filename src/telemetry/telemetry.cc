#include "telemetry/telemetry.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "http/server.h"
#include "telemetry/metrics.h"
#include "telemetry/status_json.h"

namespace weir::telemetry {
namespace {

/// Two drains of a busy network.
constexpr std::size_t kKeptBytes = 8U << 20U;

std::string missed_line(std::uint64_t lines) {
  return fmt::format("# missed {}\n", lines);
}

}  // namespace

struct Telemetry::State {
  State(service::Service& the_service, http::Server the_server)
      : service(the_service), server(std::move(the_server)) {}

  service::Service& service;
  http::Broadcast flows{kKeptBytes, missed_line};
  http::Server server;  // goes first: it reads from the others
  std::optional<http::Server> for_all;
};

base::Expected<Telemetry> Telemetry::open(const http::UnixListener& listener,
                                          const std::optional<http::LoopbackListener>& metrics_at,
                                          service::Service& service) {
  auto server = http::Server::open(listener.descriptor());
  if (!server) return tl::unexpected(server.error());
  auto state = std::make_unique<State>(service, std::move(*server));
  state->flows.greet_with(service::FlowStream::header() + "\n");
  state->server.answer("/status", "application/json",
                       [&service] { return status_json(service.report()); });
  const auto figures = [&service] { return metrics(service.report()); };
  state->server.answer("/metrics", kMetricsType, figures);
  state->server.answer("/flows", "text/plain; charset=utf-8", state->flows);
  if (metrics_at) {
    auto for_all = http::Server::open(metrics_at->descriptor());
    if (!for_all) return tl::unexpected(for_all.error());
    for_all->answer("/metrics", kMetricsType, figures);
    state->for_all.emplace(std::move(*for_all));
  }
  return Telemetry(std::move(state));
}

Telemetry::Telemetry(std::unique_ptr<State> state) : state_(std::move(state)) {}
Telemetry::Telemetry(Telemetry&&) noexcept = default;
Telemetry::~Telemetry() = default;

void Telemetry::ticked(base::UnixMicros now) {
  State& state = *state_;
  if (state.server.readers() != 0) {
    const service::FlowLines lines = state.service.take_flow_lines();
    state.flows.append(lines.text);
    // It also finds out whether the readers are still there.
    state.flows.append(fmt::format(
        "# drained {} {}\n", base::second_of(now).time_since_epoch().count(), lines.left_out));
    state.server.wake_readers();
  }
  run();
}

std::array<int, 2> Telemetry::descriptors() const {
  return {state_->server.descriptor(), state_->for_all ? state_->for_all->descriptor() : -1};
}

std::optional<std::chrono::milliseconds> Telemetry::patience() const {
  const auto one = state_->server.patience();
  const auto other = state_->for_all ? state_->for_all->patience() : std::nullopt;
  return one && other ? std::min(one, other) : (one ? one : other);
}

void Telemetry::run() {
  state_->server.run();
  if (state_->for_all) state_->for_all->run();
  // Whoever has just come is shown what the next drain hands over.
  state_->service.show_flows(state_->server.readers() != 0);
}

}  // namespace weir::telemetry
