#include "service/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "live/datapath.h"
#include "service/devices.h"
#include "service/flow_logs.h"
#include "service/plan.h"
#include "service/privileges.h"
#include "service/state_folder.h"
#include "service/tally.h"

namespace weir::service {
namespace {

/// What is left then is delivered after the next start.
constexpr std::chrono::seconds kLastDelivery{5};
constexpr std::chrono::seconds kAwsInterval{300};  // between publications

/// What the time is, where it was `now` when that began.
base::UnixMicros after(base::UnixMicros now, Tally::Clock::time_point begun) {
  return now + std::chrono::duration_cast<std::chrono::microseconds>(Tally::Clock::now() - begun);
}

/// The key of the table that had no room.
const char* too_small(const live::PointAccount& point) {
  if (point.ipv6_overflow() == 0) return "capacity.flows";
  return point.ipv6_overflow() == point.overflow() ? "capacity.ipv6-flows"
                                                   : "capacity.flows and capacity.ipv6-flows";
}

}  // namespace

struct Service::State {
  explicit State(const base::Log& the_log) : log(the_log), flow_logs(the_log) {}

  base::Expected<bool> start(Config config, base::UnixMicros now,
                             const std::function<bool()>& goes_on);
  void clean_up(const std::vector<live::Remains>& remains) const;
  void remember();
  base::Expected<void> drain(base::UnixMicros now);
  base::Expected<void> account(const live::PointAccount& point, base::UnixMicros now);
  base::Expected<void> look(base::UnixMicros now);
  base::Expected<void> miss_away(base::UnixMicros until);
  base::Expected<void> turn(base::UnixMicros now, Publishing publishing);
  void count();
  base::Expected<void> reload(std::shared_ptr<const Plan> next, base::UnixMicros now);

  base::Log log;
  std::optional<StateFolder> folder;
  std::string complaint;  // about the folder, as it was last told
  std::shared_ptr<const Plan> plan;
  std::optional<live::Datapath> datapath;
  std::optional<Devices> devices;
  base::UnixMicros drained;  // last
  FlowLogs flow_logs;
  base::UnixMicros next_publication;  // where that is more often than windows end
  Status status;
  base::UnixMicros started;
  Tally tally;
  std::unique_ptr<FlowStream> stream;  // while somebody looks on
  FlowLines flow_lines;                // of drains that it has not been shown yet
};

/// False: it was told not to go on.
base::Expected<bool> Service::State::start(Config config, base::UnixMicros now,
                                           const std::function<bool()>& goes_on) {
  const auto begun = Tally::Clock::now();
  started = drained = now;
  auto made = Plan::make(std::move(config), nullptr);
  if (!made) return tl::unexpected(made.error());
  plan = std::move(*made);
  if (!plan->config.user.empty() && !plan->enters_namespaces()) {
    if (auto done = stay_in_namespace(); !done) return tl::unexpected(done.error());
  }
  auto opened = StateFolder::open(plan->config.state);
  if (!opened) return tl::unexpected(opened.error());
  folder.emplace(std::move(*opened));
  const auto before = folder->read();
  if (!before) return tl::unexpected(before.error());
  auto fresh = flow_logs.prepare(*plan, before->whole_until, now);
  if (!fresh) return tl::unexpected(fresh.error());
  auto loaded = live::Datapath::load(plan->config.capacity);
  if (!loaded) return tl::unexpected(loaded.error());
  datapath.emplace(std::move(*loaded));
  devices.emplace(*datapath, *plan, log);
  clean_up(before->remains);
  if (auto done = flow_logs.follow(plan, std::move(*fresh), now); !done) {
    return tl::unexpected(done.error());
  }
  next_publication = now + plan->config.publish_interval;
  if (!devices->prepare(now, goes_on)) return false;
  devices->look(now);
  // Whoever was here before has stopped, or was killed: what it had not published is lost, and what
  // came until programs hung there again, which may be in the next window.
  if (auto done = flow_logs.resume(before->whole_until, now, after(now, begun)); !done) {
    return tl::unexpected(done.error());
  }
  remember();
  flow_logs.tell_left_over();
  return true;
}

void Service::State::clean_up(const std::vector<live::Remains>& remains) const {
  for (const live::Remains& one : remains) {
    if (live::remove(one)) {
      log({base::Severity::info,
           fmt::format("what a killed weir had left at {} was removed", one.device.name)});
    }
  }
}

/// For the next one, should this one be killed.
void Service::State::remember() {
  Remembered now;
  now.whole_until = flow_logs.whole_until();
  for (const Watched& one : devices->watched()) {
    const auto remains = one.hook ? one.hook->remains() : std::nullopt;
    if (remains) now.remains.push_back(*remains);
  }
  const auto done = folder->write(now);
  const std::string said = done ? "" : done.error().message();
  if (!said.empty() && said != complaint) {
    log({base::Severity::warning,
         "after a crash more than is missing will be told as SKIPDATA: " + said});
  }
  complaint = said;
}

base::Expected<void> Service::State::drain(base::UnixMicros now) {
  base::Expected<void> result;
  tally.begin_drain(Tally::Clock::now());
  const auto points = datapath->drain(now, [&](const live::DrainedFlow& flow) {
    const vpc::InterfaceIndex interface = devices->interface_of(flow.port);
    tally.add(flow, plan->network[interface].id);
    if (stream) stream->add(flow, interface);
    if (result) result = flow_logs.add(flow, interface);
  });
  if (!points) return tl::unexpected(points.error());
  for (const live::PointAccount& point : *points) {
    if (result) result = account(point, now);
  }
  drained = now;
  tally.end_drain(Tally::Clock::now(), now);
  if (stream) flow_lines.append(stream->take(now));
  if (result) result = datapath->look_at_connections();
  return result;
}

base::Expected<void> Service::State::account(const live::PointAccount& point,
                                             base::UnixMicros now) {
  const vpc::InterfaceIndex interface = devices->interface_of(point.port);
  tally.add(point, plan->network[interface].id);
  status.seen += point.seen();
  status.recorded += point.recorded;
  status.overflow += point.overflow();
  status.exceptions += point.accounted() - point.recorded - point.overflow();
  if (point.accounted() != point.seen()) {
    ++status.mismatches;
    log({base::Severity::error,
         fmt::format("{} {}: {} packets were seen but {} are accounted for; this is a defect of "
                     "weir: please report it",
                     plan->network[interface].id, to_string(point.direction), point.seen(),
                     point.accounted())});
  }
  if (point.not_tracked() != 0) {
    log({base::Severity::error,
         fmt::format(
             "{} {}: {} packets began connections that found no room, and whose answers may "
             "be refused; give more capacity.connections",
             plan->network[interface].id, to_string(point.direction), point.not_tracked())});
  }
  if (point.overflow() == 0) return {};
  log({base::Severity::error,
       fmt::format("{} {}: {} packets found no room and become SKIPDATA; give more {}",
                   plan->network[interface].id, to_string(point.direction), point.overflow(),
                   too_small(point))});
  if (stream) stream->skipped(interface, now);
  return flow_logs.skipped(interface, now);
}

base::Expected<void> Service::State::look(base::UnixMicros now) {
  const auto begun = Tally::Clock::now();
  devices->look(now);
  return miss_away(after(now, begun));
}

/// Nobody has seen all of what came there since the last drain, or can say that they were silent.
base::Expected<void> Service::State::miss_away(base::UnixMicros until) {
  std::vector<bool> away(plan->network.interfaces.size());
  for (const Watched& one : devices->watched()) {
    away[static_cast<std::size_t>(one.place.interface)] = one.was_away;
  }
  if (std::find(away.begin(), away.end(), true) == away.end()) return {};
  return flow_logs.missed(away, std::min(drained, until), until);
}

base::Expected<void> Service::State::turn(base::UnixMicros now, Publishing publishing) {
  if (auto done = drain(now); !done) return done;
  if (auto done = flow_logs.turn(now, publishing); !done) return done;
  count();
  remember();
  return {};
}

void Service::State::count() {
  const FlowLogs::Totals totals = flow_logs.totals();
  status.records = totals.records;
  status.objects = totals.objects;
  status.batches = totals.batches;
  status.lost_records = totals.lost_records;
  status.refused_records = totals.refused_records;
}

/// What was seen under the old plan is recorded under it, down to the last packet; only then do the
/// new rules hold.
base::Expected<void> Service::State::reload(std::shared_ptr<const Plan> next,
                                            base::UnixMicros now) {
  auto fresh = flow_logs.prepare(*next, {}, now);
  if (!fresh) return tl::unexpected(fresh.error());
  if (auto done = look(now); !done) return done;
  if (auto done = devices->release(*next); !done) return done;
  if (auto done = turn(now, Publishing::what_is_due); !done) return done;
  if (auto done = devices->follow(*next); !done) {
    if (auto looked = look(now); !looked) return looked;
    return done;
  }
  plan = std::move(next);
  if (stream) stream = std::make_unique<FlowStream>(*plan);
  if (auto done = flow_logs.follow(plan, std::move(*fresh), now); !done) return done;
  if (auto done = flow_logs.pass(now); !done) return done;
  next_publication = std::min(next_publication, now + plan->config.publish_interval);
  if (auto done = look(now); !done) return done;
  remember();
  return {};
}

base::Expected<std::unique_ptr<Service>> Service::start(Config config, base::UnixMicros now,
                                                        const base::Log& log,
                                                        const std::function<bool()>& goes_on) {
  auto state = std::make_unique<State>(log);
  const auto started = state->start(std::move(config), now, goes_on);
  if (!started) return tl::unexpected(started.error());
  if (!*started) return nullptr;
  return std::unique_ptr<Service>(new Service(std::move(state)));
}

Service::Service(std::unique_ptr<State> state) : state_(std::move(state)) {}
Service::~Service() = default;

base::Expected<void> Service::tick(base::UnixMicros now) {
  State& state = *state_;
  if (auto done = state.look(now); !done) return done;
  const auto interval = state.plan->config.publish_interval;
  const bool is_due = interval < kAwsInterval && now >= state.next_publication;
  if (is_due || state.next_publication > now + interval) state.next_publication = now + interval;
  return state.turn(now, is_due ? Publishing::everything : Publishing::what_is_due);
}

bool Service::wants_tick() const {
  return state_->devices->is_waited_for();
}

base::Expected<void> Service::reload(Config config, base::UnixMicros now) {
  auto next = Plan::make(std::move(config), state_->plan.get());
  if (!next) return tl::unexpected(next.error());
  return state_->reload(std::move(*next), now);
}

base::Expected<void> Service::stop(base::UnixMicros now) {
  // Nothing is counted from here on.
  if (auto done = state_->devices->detach(); !done) return done;
  if (auto done = state_->miss_away(now); !done) return done;
  if (auto done = state_->turn(now, Publishing::last); !done) return done;
  state_->flow_logs.drain(kLastDelivery);
  state_->count();  // delivering shows what is damaged, and what is refused
  return {};
}

std::vector<DeliveryAccount> Service::deliveries() const {
  return state_->flow_logs.deliveries();
}

const Status& Service::status() const {
  return state_->status;
}

Report Service::report() const {
  const State& state = *state_;
  Report report;
  report.started = state.started;
  report.drains = state.tally.drains();
  report.room = state.datapath->room();
  report.connections = state.datapath->connections();
  for (const Watched& one : state.devices->watched()) {
    InterfaceReport& out = report.interfaces.emplace_back();
    out.id = one.id;
    out.name = state.plan->network[one.place.interface].name;
    out.device = one.place.device;
    out.mode = one.hook ? one.mode : one.place.mode;  // a change may wait for its turn
    if (one.hook) out.attachment = one.hook->attachment();
    out.complaint = one.complaint;
    out.directions = state.tally.at(one.id);
  }
  report.flow_logs = state.flow_logs.reports();
  return report;
}

void Service::show_flows(bool is_shown) {
  if (is_shown == (state_->stream != nullptr)) return;
  state_->stream = is_shown ? std::make_unique<FlowStream>(*state_->plan) : nullptr;
  state_->flow_lines = {};
}

FlowLines Service::take_flow_lines() {
  return std::exchange(state_->flow_lines, {});
}

}  // namespace weir::service
