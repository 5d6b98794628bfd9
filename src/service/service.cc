#include "service/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "live/datapath.h"
#include "service/devices.h"
#include "service/flow_log.h"
#include "service/plan.h"

namespace weir::service {
namespace {

constexpr std::chrono::seconds kAwsInterval{300};  // between publications

}  // namespace

struct Service::State {
  explicit State(Log the_log) : log(std::move(the_log)) {}

  base::Expected<void> start(Config config, base::UnixMicros now);
  base::Expected<void> drain(base::UnixMicros now);
  base::Expected<void> account(const live::PointAccount& point, base::UnixMicros now);
  base::Expected<void> skip(vpc::InterfaceIndex interface, base::UnixMicros now);
  base::Expected<void> skip_unattached(base::UnixMicros now);
  base::Expected<void> turn(base::UnixMicros now, bool publishes_all);
  base::Expected<void> reload(std::unique_ptr<const Plan> next, base::UnixMicros now);
  base::Expected<void> change_flow_logs(std::vector<std::unique_ptr<Objects>> fresh);
  void tell_published(FlowLog& flow_log);

  Log log;
  std::unique_ptr<const Plan> plan;
  std::optional<live::Datapath> datapath;
  std::optional<Devices> devices;
  std::vector<std::unique_ptr<FlowLog>> flow_logs;
  base::UnixMicros next_publication;  // where that is more often than windows end
  std::uint64_t ended_records = 0;    // of flow logs that have ended
  Status status;
};

namespace {

/// What a plan's flow logs need that do not go on from `running`: by number.
base::Expected<std::vector<std::unique_ptr<Objects>>> open_objects(
    const Plan& plan, const std::vector<std::unique_ptr<FlowLog>>& running) {
  std::vector<std::unique_ptr<Objects>> out(plan.flow_logs.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const bool goes_on = std::any_of(running.begin(), running.end(), [&](const auto& flow_log) {
      return flow_log->is_same(plan, i);
    });
    if (goes_on) continue;
    auto opened =
        Objects::open(plan.config.flow_logs[i].log_destination, plan.flow_logs[i].flow_log);
    if (!opened) return tl::unexpected(opened.error());
    out[i] = std::move(*opened);
  }
  return out;
}

}  // namespace

base::Expected<void> Service::State::start(Config config, base::UnixMicros now) {
  auto made = Plan::make(std::move(config), nullptr);
  if (!made) return tl::unexpected(made.error());
  plan = std::move(*made);
  auto fresh = open_objects(*plan, {});
  if (!fresh) return tl::unexpected(fresh.error());
  auto loaded = live::Datapath::load(plan->config.capacity);
  if (!loaded) return tl::unexpected(loaded.error());
  datapath.emplace(std::move(*loaded));
  devices.emplace(*datapath, *plan, log);
  // Every window has its NODATA from the one on that the service began in.
  for (std::size_t i = 0; i < fresh->size(); ++i) {
    flow_logs.push_back(std::make_unique<FlowLog>(*plan, i, std::move((*fresh)[i])));
    if (auto done = flow_logs.back()->pass(now); !done) return done;
  }
  next_publication = now + plan->config.publish_interval;
  devices->look();
  return {};
}

base::Expected<void> Service::State::drain(base::UnixMicros now) {
  base::Expected<void> result;
  const auto points = datapath->drain(now, [&](const live::DrainedFlow& flow) {
    const vpc::InterfaceIndex interface = devices->interface_of(flow.port);
    for (const auto& flow_log : flow_logs) {
      if (result && flow_log->has(interface)) result = flow_log->add(flow, interface);
    }
  });
  if (!points) return tl::unexpected(points.error());
  for (const live::PointAccount& point : *points) {
    if (result) result = account(point, now);
  }
  return result;
}

base::Expected<void> Service::State::account(const live::PointAccount& point,
                                             base::UnixMicros now) {
  const vpc::InterfaceIndex interface = devices->interface_of(point.port);
  status.seen += point.seen();
  status.recorded += point.recorded;
  status.overflow += point.overflow();
  status.exceptions += point.accounted() - point.recorded - point.overflow();
  if (point.accounted() != point.seen()) {
    ++status.mismatches;
    log(fmt::format(
        "{} {}: {} packets were seen but {} are accounted for; this is a defect of "
        "weir: please report it",
        plan->network[interface].id, to_string(point.direction), point.seen(), point.accounted()));
  }
  if (point.overflow() == 0) return {};
  log(fmt::format("{} {}: {} packets found no room and become SKIPDATA; give more capacity.flows",
                  plan->network[interface].id, to_string(point.direction), point.overflow()));
  return skip(interface, now);
}

/// Records of the interface are missing since the last drain.
base::Expected<void> Service::State::skip(vpc::InterfaceIndex interface, base::UnixMicros now) {
  for (const auto& flow_log : flow_logs) {
    if (!flow_log->has(interface)) continue;
    if (auto done = flow_log->skipped(interface, now); !done) return done;
  }
  return {};
}

/// Nobody can say that they were silent.
base::Expected<void> Service::State::skip_unattached(base::UnixMicros now) {
  for (const Watched& one : devices->watched()) {
    if (one.hook) continue;
    if (auto done = skip(one.place.interface, now); !done) return done;
  }
  return {};
}

base::Expected<void> Service::State::turn(base::UnixMicros now, bool publishes_all) {
  if (auto done = drain(now); !done) return done;
  for (const auto& flow_log : flow_logs) {
    if (auto done = flow_log->pass(now); !done) return done;
  }
  if (publishes_all) {
    for (const auto& flow_log : flow_logs) {
      if (auto done = flow_log->publish_all(); !done) return done;
    }
  }
  status.records = ended_records;
  for (const auto& flow_log : flow_logs) {
    tell_published(*flow_log);
    status.records += flow_log->records();
  }
  return {};
}

void Service::State::tell_published(FlowLog& flow_log) {
  for (const deliver::PublishedObject& object : flow_log.take_published()) {
    ++status.objects;
    log(fmt::format("{}/{} ({} records, {} bytes)", flow_log.destination(), object.key,
                    object.records, object.bytes));
  }
}

/// What was seen under the old plan is recorded under it, down to the last packet; only then do the
/// new rules hold.
base::Expected<void> Service::State::reload(std::unique_ptr<const Plan> next,
                                            base::UnixMicros now) {
  auto fresh = open_objects(*next, flow_logs);
  if (!fresh) return tl::unexpected(fresh.error());
  if (auto done = devices->release(*next); !done) return done;
  if (auto done = turn(now, false); !done) return done;
  if (auto done = devices->follow(*next); !done) {
    devices->look();
    if (auto skipped = skip_unattached(now); !skipped) return skipped;
    return done;
  }
  const auto before = std::exchange(plan, std::move(next));
  if (auto done = change_flow_logs(std::move(*fresh)); !done) return done;
  for (const auto& flow_log : flow_logs) {
    if (auto done = flow_log->pass(now); !done) return done;
  }
  next_publication = std::min(next_publication, now + plan->config.publish_interval);
  devices->look();
  return skip_unattached(now);
}

base::Expected<void> Service::State::change_flow_logs(std::vector<std::unique_ptr<Objects>> fresh) {
  std::vector<std::unique_ptr<FlowLog>> changed;
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    const auto before = std::find_if(flow_logs.begin(), flow_logs.end(), [&](const auto& flow_log) {
      return flow_log != nullptr && flow_log->is_same(*plan, i);
    });
    if (before == flow_logs.end()) {
      changed.push_back(std::make_unique<FlowLog>(*plan, i, std::move(fresh[i])));
      continue;
    }
    if (auto done = (*before)->hand_over(); !done) return done;
    changed.push_back(FlowLog::follow(**before, *plan, i));
    before->reset();
  }
  for (const auto& ended : flow_logs) {
    if (ended == nullptr) continue;
    if (auto done = ended->publish_all(); !done) return done;
    tell_published(*ended);
    ended_records += ended->records();
    log(fmt::format("flow log {} has ended", ended->id()));
  }
  flow_logs = std::move(changed);
  return {};
}

base::Expected<std::unique_ptr<Service>> Service::start(Config config, base::UnixMicros now,
                                                        Log log) {
  auto state = std::make_unique<State>(std::move(log));
  if (auto started = state->start(std::move(config), now); !started) {
    return tl::unexpected(started.error());
  }
  return std::unique_ptr<Service>(new Service(std::move(state)));
}

Service::Service(std::unique_ptr<State> state) : state_(std::move(state)) {}
Service::~Service() = default;

base::Expected<void> Service::tick(base::UnixMicros now) {
  State& state = *state_;
  state.devices->look();
  if (auto done = state.skip_unattached(now); !done) return done;
  const bool is_due =
      state.plan->config.publish_interval < kAwsInterval && now >= state.next_publication;
  if (is_due) state.next_publication = now + state.plan->config.publish_interval;
  return state.turn(now, is_due);
}

base::Expected<void> Service::reload(Config config, base::UnixMicros now) {
  auto next = Plan::make(std::move(config), state_->plan.get());
  if (!next) return tl::unexpected(next.error());
  return state_->reload(std::move(*next), now);
}

base::Expected<void> Service::stop(base::UnixMicros now) {
  // Nothing is counted from here on.
  if (auto done = state_->devices->detach(); !done) return done;
  return state_->turn(now, true);
}

const Status& Service::status() const {
  return state_->status;
}

}  // namespace weir::service
