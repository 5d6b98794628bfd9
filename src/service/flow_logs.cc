#include "service/flow_logs.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/time.h"

namespace weir::service {

base::Expected<std::vector<FlowLogs::Fresh>> FlowLogs::prepare(const Plan& plan,
                                                               const WholeUntil& before,
                                                               base::UnixMicros now) {
  std::vector<Fresh> out(plan.flow_logs.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const bool goes_on = std::any_of(at_work_.begin(), at_work_.end(), [&](const auto& flow_log) {
      return flow_log->is_same(plan, i);
    });
    if (goes_on) continue;
    // What nobody recorded before is whole when SKIPDATA for it is published, and not before: this
    // service may be killed, too.
    base::UnixSeconds since = base::second_of(now);
    const auto whole = before.find(plan.flow_logs[i].flow_log.id);
    if (whole != before.end()) since = std::min(since, whole->second);
    auto opened = open(plan, i, since);
    if (!opened) return tl::unexpected(opened.error());
    out[i] = std::move(*opened);
  }
  return out;
}

/// A spool is open once: who needs one that is open already goes on with it.
base::Expected<FlowLogs::Fresh> FlowLogs::open(const Plan& plan, std::size_t number,
                                               base::UnixSeconds since) {
  const FlowLogConfig& config = plan.config.flow_logs[number];
  const deliver::FlowLog& flow_log = plan.flow_logs[number].flow_log;
  Fresh fresh;
  const auto opened =
      [&](base::Expected<std::unique_ptr<Objects>> objects) -> base::Expected<Fresh> {
    if (!objects) return tl::unexpected(objects.error());
    fresh.objects = std::move(*objects);
    return std::move(fresh);
  };
  if (!config.is_remote()) {
    return opened(Objects::open(config.log_destination, flow_log, since, log_));
  }
  for (const auto& remote : remotes_) {
    if (!remote->is_of(config, flow_log.id)) continue;
    if (!remote->is_for(config, flow_log)) {
      auto destination = Remote::destination_of(config, flow_log, log_);
      if (!destination) return tl::unexpected(destination.error());
      fresh.destination = std::move(*destination);
    }
    return opened(Objects::open(remote, flow_log, since, log_));
  }
  auto remote = Remote::open(plan.config.spool, config, flow_log, log_);
  if (!remote) return tl::unexpected(remote.error());
  remotes_.push_back(*remote);
  return opened(Objects::open(std::move(*remote), flow_log, since, log_));
}

base::Expected<void> FlowLogs::follow(std::shared_ptr<const Plan> plan, std::vector<Fresh> fresh,
                                      base::UnixMicros now) {
  auto before = std::exchange(at_work_, {});
  std::vector<std::unique_ptr<deliver::Destination>> destinations;
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    destinations.push_back(std::move(fresh[i].destination));
    const auto same = std::find_if(before.begin(), before.end(), [&](const auto& flow_log) {
      return flow_log != nullptr && flow_log->is_same(*plan, i);
    });
    if (same == before.end()) {
      at_work_.push_back(std::make_unique<FlowLog>(*plan, i, std::move(fresh[i].objects)));
      continue;
    }
    if (auto done = (*same)->hand_over(); !done) return done;
    at_work_.push_back(FlowLog::follow(**same, *plan, i));
    same->reset();
  }
  for (auto& flow_log : before) {
    if (flow_log == nullptr) continue;
    if (auto done = end(std::move(flow_log), now); !done) return done;
  }
  for (std::size_t i = 0; i < destinations.size(); ++i) {
    if (destinations[i] == nullptr) continue;
    at_work_[i]->remote()->deliver_to(std::move(destinations[i]), plan->config.flow_logs[i],
                                      plan->flow_logs[i].flow_log);
  }
  plan_ = std::move(plan);
  let_go();
  return {};
}

/// Publishes what it has. What of that is lost its successor tells, who writes to the same objects'
/// names; or, if there is none, itself, as soon as it can.
base::Expected<void> FlowLogs::end(std::unique_ptr<FlowLog> flow_log, base::UnixMicros now) {
  if (auto done = flow_log->finish(now); !done) return done;
  tell_published(*flow_log, now);
  const Remote* const remote = flow_log->remote().get();
  const std::uint64_t waiting =
      remote == nullptr || is_at_work(*remote) ? 0 : remote->account().spool.waiting;
  log_({base::Severity::info,
        fmt::format("flow log {} has ended{}", flow_log->id(),
                    waiting == 0 ? ""
                                 : fmt::format("; {} segments wait to be delivered to {}", waiting,
                                               flow_log->destination()))});
  const auto successor = std::find_if(at_work_.begin(), at_work_.end(), [&](const auto& other) {
    return other->id() == flow_log->id();
  });
  if (successor != at_work_.end()) (*successor)->take_loss(*flow_log);
  ended_.push_back({plan_, std::move(flow_log)});
  return {};
}

base::Expected<void> FlowLogs::resume(const WholeUntil& before, base::UnixMicros now,
                                      base::UnixMicros attached) {
  for (const auto& [id, whole] : before) {
    const bool is_there =
        std::any_of(at_work_.begin(), at_work_.end(),
                    [&id = id](const auto& flow_log) { return flow_log->id() == id; });
    if (is_there) continue;
    log_({base::Severity::warning,
          fmt::format("flow log {} was whole until {:%F %T} UTC and is not asked for any more: "
                      "nothing stands for what it may have lost since",
                      id, base::in_utc(base::second_of(whole)))});
  }
  for (const auto& flow_log : at_work_) {
    const auto whole = before.find(flow_log->id());
    if (whole == before.end()) {
      if (auto done = flow_log->missed_before(now, attached); !done) return done;
      continue;
    }
    const bool is_set_back = whole->second > now;
    log_({base::Severity::warning,
          fmt::format("flow log {} is whole until {:%F %T} UTC; SKIPDATA stands for {}",
                      flow_log->id(), base::in_utc(base::second_of(whole->second)),
                      is_set_back ? "this window: the clock was set back" : "the time since")});
    const auto from = std::min<base::UnixMicros>(whole->second, now);
    if (auto done = flow_log->missed_all(from, attached); !done) return done;
  }
  return pass(now);
}

void FlowLogs::tell_left_over() const {
  std::vector<std::string> known;
  for (const auto& remote : remotes_) known.push_back(remote->spool_name());
  service::tell_left_over(plan_->config.spool.folder, known, log_);
}

base::Expected<void> FlowLogs::pass(base::UnixMicros now) {
  for (const auto& flow_log : at_work_) {
    if (auto done = flow_log->pass(now); !done) return done;
  }
  return {};
}

base::Expected<void> FlowLogs::add(const live::DrainedFlow& flow, vpc::InterfaceIndex interface) {
  for (const auto& flow_log : at_work_) {
    if (!flow_log->has(interface)) continue;
    if (auto done = flow_log->add(flow, interface); !done) return done;
  }
  return {};
}

base::Expected<void> FlowLogs::skipped(vpc::InterfaceIndex interface, base::UnixMicros now) {
  for (const auto& flow_log : at_work_) {
    if (!flow_log->has(interface)) continue;
    if (auto done = flow_log->skipped(interface, now); !done) return done;
  }
  return {};
}

base::Expected<void> FlowLogs::missed(const std::vector<bool>& interfaces, base::UnixMicros from,
                                      base::UnixMicros to) {
  for (const auto& flow_log : at_work_) {
    if (auto done = flow_log->missed(interfaces, from, to); !done) return done;
  }
  return {};
}

base::Expected<void> FlowLogs::turn(base::UnixMicros now, Publishing publishing) {
  const bool is_last = publishing == Publishing::last;
  for (const auto& flow_log : at_work_) {
    auto done =
        is_last ? flow_log->finish(now) : flow_log->turn(now, publishing == Publishing::everything);
    if (done && is_last) done = flow_log->settle_all(now);
    if (!done) return done;
    tell_published(*flow_log, now);
  }
  return settle(now, is_last);
}

base::Expected<void> FlowLogs::settle(base::UnixMicros now, bool is_last) {
  for (const Ended& each : ended_) {
    auto done = is_last ? each.flow_log->settle_all(now) : each.flow_log->settle(now);
    if (!done) return done;
    tell_published(*each.flow_log, now);
  }
  let_go();
  return {};
}

/// Those that have ended go when nothing of them is left, or what is left is a successor's.
void FlowLogs::let_go() {
  std::erase_if(ended_, [this](const Ended& each) {
    const FlowLog& flow_log = *each.flow_log;
    const Remote* remote = flow_log.remote().get();
    const bool is_delivered =
        remote == nullptr || is_at_work(*remote) || remote->has_delivered_all();
    if (!flow_log.is_published() || !is_delivered) return false;
    count(flow_log, gone_);
    return true;
  });
  // What was prepared of one that is to begin may have it, too.
  std::erase_if(remotes_, [this](const std::shared_ptr<Remote>& remote) {
    if (remote.use_count() != 1) return false;
    count(*remote, gone_);
    return true;
  });
}

/// What a spool has lost is its own, whoever wrote there.
void FlowLogs::count(const FlowLog& flow_log, Totals& totals) {
  totals.records += flow_log.records();
  if (flow_log.remote() == nullptr) totals.lost_records += flow_log.lost_records();
}

void FlowLogs::count(const Remote& remote, Totals& totals) {
  const DeliveryAccount account = remote.account();
  totals.lost_records += account.spool.lost_records;
  totals.refused_records += account.delivery.refused;
}

void FlowLogs::tell_published(FlowLog& flow_log, base::UnixMicros now) {
  const Remote* const remote = flow_log.remote().get();
  const bool takes_events = remote != nullptr && remote->takes_events();
  for (const deliver::PublishedObject& object : flow_log.take_published(now)) {
    ++(takes_events ? gone_.batches : gone_.objects);
    log_(
        {base::Severity::info, fmt::format("{}/{} ({} records, {} bytes){}", flow_log.destination(),
                                           object.key, object.records, object.bytes,
                                           remote == nullptr ? "" : " is kept for delivery")});
  }
}

void FlowLogs::drain(std::chrono::milliseconds longest) const {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + longest;
  for (const auto& remote : remotes_) {
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    remote->drain(std::max(rest, std::chrono::milliseconds(0)));
  }
}

bool FlowLogs::is_at_work(const Remote& remote) const {
  return std::any_of(at_work_.begin(), at_work_.end(),
                     [&](const auto& flow_log) { return flow_log->remote().get() == &remote; });
}

WholeUntil FlowLogs::whole_until() const {
  WholeUntil out;
  for (const auto& flow_log : at_work_) out[flow_log->id()] = flow_log->whole_until();
  for (const Ended& each : ended_) {
    if (each.flow_log->is_published()) continue;
    const base::UnixSeconds whole = each.flow_log->whole_until();
    const auto [known, is_new] = out.emplace(each.flow_log->id(), whole);
    if (!is_new) known->second = std::min(known->second, whole);
  }
  return out;
}

std::vector<FlowLogReport> FlowLogs::reports() const {
  std::vector<FlowLogReport> out;
  for (const auto& flow_log : at_work_) out.push_back(flow_log->report());
  for (std::size_t i = ended_.size(); i-- != 0;) {
    FlowLogReport report = ended_[i].flow_log->report();
    const bool is_known = std::any_of(out.begin(), out.end(), [&](const auto& other) {
      return other.id == report.id && other.destination == report.destination;
    });
    if (is_known) continue;
    report.has_ended = true;
    out.push_back(std::move(report));
  }
  return out;
}

std::vector<DeliveryAccount> FlowLogs::deliveries() const {
  std::vector<DeliveryAccount> out;
  for (const auto& remote : remotes_) out.push_back(remote->account());
  return out;
}

FlowLogs::Totals FlowLogs::totals() const {
  Totals out = gone_;
  for (const auto& flow_log : at_work_) count(*flow_log, out);
  for (const Ended& each : ended_) count(*each.flow_log, out);
  for (const auto& remote : remotes_) count(*remote, out);
  return out;
}

}  // namespace weir::service
