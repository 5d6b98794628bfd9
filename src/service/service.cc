#include "service/service.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "live/datapath.h"
#include "service/devices.h"
#include "service/flow_log.h"
#include "service/plan.h"
#include "service/privileges.h"
#include "service/state_folder.h"
#include "service/tally.h"

namespace weir::service {
namespace {

/// What is left then is delivered after the next start.
constexpr std::chrono::seconds kLastDelivery{5};
constexpr std::chrono::seconds kAwsInterval{300};  // between publications

/// What of the records of a turn is published.
enum class Publishing : std::uint8_t { what_is_due, everything, last };

}  // namespace

struct Service::State {
  explicit State(Log the_log) : log(std::move(the_log)) {}

  base::Expected<void> start(Config config, base::UnixMicros now);
  base::Expected<void> resume(const Remembered& before, base::UnixMicros now);
  void remember();
  base::Expected<void> drain(base::UnixMicros now);
  base::Expected<void> account(const live::PointAccount& point, base::UnixMicros now);
  base::Expected<void> skip(vpc::InterfaceIndex interface, base::UnixMicros now);
  base::Expected<void> look(base::UnixMicros now);
  base::Expected<void> miss_away(base::UnixMicros now);
  base::Expected<void> turn(base::UnixMicros now, Publishing publishing);
  void end_deliveries();
  void count_records(base::UnixMicros now);
  base::Expected<void> reload(std::unique_ptr<const Plan> next, base::UnixMicros now);
  base::Expected<void> change_flow_logs(std::vector<std::unique_ptr<Objects>> fresh,
                                        base::UnixMicros now);
  void tell_published(FlowLog& flow_log, base::UnixMicros now);
  /// Those at work, and those that are to end.
  [[nodiscard]] std::vector<std::shared_ptr<Remote>> remotes() const;

  Log log;
  std::optional<StateFolder> folder;
  std::string complaint;  // about the folder, as it was last told
  std::unique_ptr<const Plan> plan;
  std::optional<live::Datapath> datapath;
  std::optional<Devices> devices;
  base::UnixMicros drained;  // last
  std::vector<std::unique_ptr<FlowLog>> flow_logs;
  base::UnixMicros next_publication;            // where that is more often than windows end
  std::vector<std::shared_ptr<Remote>> ending;  // of ended flow logs, where something waits yet
  std::uint64_t ended_lost_records = 0;
  std::uint64_t ended_records = 0;  // of flow logs that have ended
  Status status;
  base::UnixMicros started;
  Tally tally;
  std::unique_ptr<FlowStream> stream;  // while somebody looks on
  FlowLines flow_lines;                // of drains that it has not been shown yet
};

namespace {

using Remotes = std::vector<std::shared_ptr<Remote>>;

/// A spool is open once: who needs one that is open already goes on with it.
base::Expected<std::unique_ptr<Objects>> open_objects_of(const Plan& plan, std::size_t number,
                                                         const Remotes& open,
                                                         base::UnixSeconds since, const Log& log) {
  const FlowLogConfig& config = plan.config.flow_logs[number];
  const deliver::FlowLog& flow_log = plan.flow_logs[number].flow_log;
  if (!is_remote(config.log_destination)) {
    return Objects::open(config.log_destination, flow_log, since, log);
  }
  for (const auto& remote : open) {
    if (remote->flow_log_id() == flow_log.id && remote->is_for(config)) {
      return Objects::open(remote, flow_log, since, log);
    }
  }
  auto remote = Remote::open(plan.config.spool, config, flow_log, log);
  if (!remote) return tl::unexpected(remote.error());
  return Objects::open(std::move(*remote), flow_log, since, log);
}

/// What a plan's flow logs need that do not go on from `running`: by number. `whole_until` is what
/// is known of those that there were before, by id.
base::Expected<std::vector<std::unique_ptr<Objects>>> open_objects(
    const Plan& plan, const std::vector<std::unique_ptr<FlowLog>>& running, const Remotes& open,
    const std::map<std::string, base::UnixSeconds>& whole_until, base::UnixMicros now,
    const Log& log) {
  std::vector<std::unique_ptr<Objects>> out(plan.flow_logs.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const bool goes_on = std::any_of(running.begin(), running.end(), [&](const auto& flow_log) {
      return flow_log->is_same(plan, i);
    });
    if (goes_on) continue;
    // What nobody recorded before is whole when SKIPDATA for it is published, and not before: this
    // service may be killed, too.
    base::UnixSeconds since = base::second_of(now);
    const auto whole = whole_until.find(plan.flow_logs[i].flow_log.id);
    if (whole != whole_until.end()) since = std::min(since, whole->second);
    auto opened = open_objects_of(plan, i, open, since, log);
    if (!opened) return tl::unexpected(opened.error());
    out[i] = std::move(*opened);
  }
  return out;
}

}  // namespace

base::Expected<void> Service::State::start(Config config, base::UnixMicros now) {
  started = drained = now;
  auto made = Plan::make(std::move(config), nullptr);
  if (!made) return tl::unexpected(made.error());
  plan = std::move(*made);
  if (!plan->config.user.empty() && !plan->enters_namespaces()) {
    if (auto done = stay_in_namespace(); !done) return done;
  }
  auto opened = StateFolder::open(plan->config.state);
  if (!opened) return tl::unexpected(opened.error());
  folder.emplace(std::move(*opened));
  const auto before = folder->read();
  if (!before) return tl::unexpected(before.error());
  auto fresh = open_objects(*plan, {}, {}, before->whole_until, now, log);
  if (!fresh) return tl::unexpected(fresh.error());
  auto loaded = live::Datapath::load(plan->config.capacity);
  if (!loaded) return tl::unexpected(loaded.error());
  datapath.emplace(std::move(*loaded));
  devices.emplace(*datapath, *plan, log);
  for (std::size_t i = 0; i < fresh->size(); ++i) {
    flow_logs.push_back(std::make_unique<FlowLog>(*plan, i, std::move((*fresh)[i])));
  }
  if (auto done = resume(*before, now); !done) return done;
  next_publication = now + plan->config.publish_interval;
  devices->look();
  remember();
  std::vector<std::string> ids;
  for (const auto& flow_log : flow_logs) ids.push_back(flow_log->id());
  tell_left_over(plan->config.spool.folder, ids, log);
  return {};
}

/// Whoever was here before has stopped, or was killed: nobody has recorded since, and what it had
/// not published is lost.
base::Expected<void> Service::State::resume(const Remembered& before, base::UnixMicros now) {
  for (const live::Remains& remains : before.remains) {
    if (live::remove(remains)) {
      log(fmt::format("what a killed weir had left at {} was removed", remains.device.name));
    }
  }
  for (const auto& flow_log : flow_logs) {
    const auto whole = before.whole_until.find(flow_log->id());
    if (whole != before.whole_until.end()) {
      const bool is_set_back = whole->second > now;
      log(fmt::format("flow log {} is whole until {:%F %T} UTC; SKIPDATA stands for {}",
                      flow_log->id(), whole->second,
                      is_set_back ? "this window: the clock was set back" : "the time since"));
      const auto from = std::min<base::UnixMicros>(whole->second, now);
      if (auto done = flow_log->missed_all(from, now); !done) return done;
    }
    // Every window has its NODATA from the one on that the service began in.
    if (auto done = flow_log->pass(now); !done) return done;
  }
  return {};
}

/// For the next one, should this one be killed.
void Service::State::remember() {
  Remembered now;
  for (const auto& flow_log : flow_logs) now.whole_until[flow_log->id()] = flow_log->whole_until();
  for (const Watched& one : devices->watched()) {
    const auto remains = one.hook ? one.hook->remains() : std::nullopt;
    if (remains) now.remains.push_back(*remains);
  }
  const auto done = folder->write(now);
  const std::string said = done ? "" : done.error().message();
  if (!said.empty() && said != complaint) {
    log("after a crash more than is missing will be told as SKIPDATA: " + said);
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
    for (const auto& flow_log : flow_logs) {
      if (result && flow_log->has(interface)) result = flow_log->add(flow, interface);
    }
  });
  if (!points) return tl::unexpected(points.error());
  for (const live::PointAccount& point : *points) {
    if (result) result = account(point, now);
  }
  drained = now;
  tally.end_drain(Tally::Clock::now(), now);
  if (stream) flow_lines.append(stream->take(now));
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
    log(fmt::format(
        "{} {}: {} packets were seen but {} are accounted for; this is a defect of "
        "weir: please report it",
        plan->network[interface].id, to_string(point.direction), point.seen(), point.accounted()));
  }
  if (point.overflow() == 0) return {};
  log(fmt::format("{} {}: {} packets found no room and become SKIPDATA; give more capacity.flows",
                  plan->network[interface].id, to_string(point.direction), point.overflow()));
  if (stream) stream->skipped(interface, now);
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

base::Expected<void> Service::State::look(base::UnixMicros now) {
  devices->look();
  return miss_away(now);
}

/// Nobody has seen all of what came there since the last drain, or can say that they were silent.
base::Expected<void> Service::State::miss_away(base::UnixMicros now) {
  std::vector<bool> away(plan->network.interfaces.size());
  for (const Watched& one : devices->watched()) {
    away[static_cast<std::size_t>(one.place.interface)] = one.was_away;
  }
  if (std::find(away.begin(), away.end(), true) == away.end()) return {};
  for (const auto& flow_log : flow_logs) {
    if (auto done = flow_log->missed(away, std::min(drained, now), now); !done) return done;
  }
  return {};
}

base::Expected<void> Service::State::turn(base::UnixMicros now, Publishing publishing) {
  if (auto done = drain(now); !done) return done;
  for (const auto& flow_log : flow_logs) {
    auto done = publishing == Publishing::last
                    ? flow_log->finish(now)
                    : flow_log->turn(now, publishing == Publishing::everything);
    if (!done) return done;
  }
  end_deliveries();
  count_records(now);
  remember();
  return {};
}

/// Of flow logs that have ended, when nothing waits any more, or another one has taken over.
void Service::State::end_deliveries() {
  std::erase_if(ending, [this](const auto& each) {
    return std::any_of(flow_logs.begin(), flow_logs.end(),
                       [&](const auto& flow_log) { return flow_log->remote() == each; });
  });
  const auto done = std::partition(ending.begin(), ending.end(), [](const auto& each) {
    return each->account().spool.waiting != 0;
  });
  for (auto each = done; each != ending.end(); ++each) {
    ended_lost_records += (*each)->account().spool.lost_records;
  }
  ending.erase(done, ending.end());
}

void Service::State::count_records(base::UnixMicros now) {
  status.records = ended_records;
  status.lost_records = ended_lost_records;
  for (const auto& remote : ending) status.lost_records += remote->account().spool.lost_records;
  for (const auto& flow_log : flow_logs) {
    tell_published(*flow_log, now);
    status.records += flow_log->records();
    status.lost_records += flow_log->lost_records();
  }
}

std::vector<std::shared_ptr<Remote>> Service::State::remotes() const {
  std::vector<std::shared_ptr<Remote>> out = ending;
  for (const auto& flow_log : flow_logs) {
    if (flow_log->remote() != nullptr) out.push_back(flow_log->remote());
  }
  return out;
}

void Service::State::tell_published(FlowLog& flow_log, base::UnixMicros now) {
  for (const deliver::PublishedObject& object : flow_log.take_published(now)) {
    ++status.objects;
    log(fmt::format("{}/{} ({} records, {} bytes){}", flow_log.destination(), object.key,
                    object.records, object.bytes,
                    flow_log.remote() == nullptr ? "" : " is kept for delivery"));
  }
}

/// What was seen under the old plan is recorded under it, down to the last packet; only then do the
/// new rules hold.
base::Expected<void> Service::State::reload(std::unique_ptr<const Plan> next,
                                            base::UnixMicros now) {
  auto fresh = open_objects(*next, flow_logs, remotes(), {}, now, log);
  if (!fresh) return tl::unexpected(fresh.error());
  if (auto done = look(now); !done) return done;
  if (auto done = devices->release(*next); !done) return done;
  if (auto done = turn(now, Publishing::what_is_due); !done) return done;
  if (auto done = devices->follow(*next); !done) {
    if (auto looked = look(now); !looked) return looked;
    return done;
  }
  const auto before = std::exchange(plan, std::move(next));
  if (stream) stream = std::make_unique<FlowStream>(*plan);
  if (auto done = change_flow_logs(std::move(*fresh), now); !done) return done;
  for (const auto& flow_log : flow_logs) {
    if (auto done = flow_log->pass(now); !done) return done;
  }
  next_publication = std::min(next_publication, now + plan->config.publish_interval);
  if (auto done = look(now); !done) return done;
  remember();
  return {};
}

base::Expected<void> Service::State::change_flow_logs(std::vector<std::unique_ptr<Objects>> fresh,
                                                      base::UnixMicros now) {
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
    if (auto done = ended->finish(now); !done) return done;
    tell_published(*ended, now);
    ended_records += ended->records();
    if (ended->remote() != nullptr) {
      ending.push_back(ended->remote());
    } else {
      ended_lost_records += ended->lost_records();
    }
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
  if (auto done = state.look(now); !done) return done;
  const auto interval = state.plan->config.publish_interval;
  const bool is_due = interval < kAwsInterval && now >= state.next_publication;
  if (is_due || state.next_publication > now + interval) state.next_publication = now + interval;
  return state.turn(now, is_due ? Publishing::everything : Publishing::what_is_due);
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
  for (const auto& remote : state_->remotes()) remote->drain(kLastDelivery);
  return {};
}

std::vector<DeliveryAccount> Service::deliveries() const {
  std::vector<DeliveryAccount> out;
  for (const auto& remote : state_->remotes()) out.push_back(remote->account());
  return out;
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
  for (const Watched& one : state.devices->watched()) {
    InterfaceReport& out = report.interfaces.emplace_back();
    out.id = one.id;
    out.name = state.plan->network[one.place.interface].name;
    out.device = one.place.device;
    out.mode = one.place.mode;
    if (one.hook) out.attachment = one.hook->attachment();
    out.complaint = one.complaint;
    out.directions = state.tally.at(one.id);
  }
  for (const auto& flow_log : state.flow_logs) report.flow_logs.push_back(flow_log->report());
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
