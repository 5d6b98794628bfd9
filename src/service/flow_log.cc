#include "service/flow_log.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "deliver/object_key.h"

namespace weir::service {

FlowLog::FlowLog(const Plan& plan, std::size_t number, std::unique_ptr<Objects> objects)
    : plan_(plan),
      config_(plan.config.flow_logs[number]),
      settings_(plan.flow_logs[number]),
      objects_(std::move(objects)),
      recorder_(plan.network, plan.policy, plan.services, settings_, *objects_) {}

bool FlowLog::is_same(const Plan& plan, std::size_t number) const {
  const FlowLogConfig& other = plan.config.flow_logs[number];
  return config_.log_destination == other.log_destination &&
         config_.destination == other.destination && config_.remote == other.remote &&
         settings_.flow_log == plan.flow_logs[number].flow_log;
}

FlowLogReport FlowLog::report() const {
  FlowLogReport out;
  out.id = id();
  out.destination = destination();
  out.complaint = objects_->complaint();
  out.records = records();
  out.lost_records = lost_records();
  out.objects = objects_->published();
  out.last_object = objects_->last_object();
  if (const std::shared_ptr<Remote>& remote = objects_->remote()) {
    out.delivery = remote->account();
    const auto& why = out.delivery->delivery.error;
    if (why && out.complaint.empty()) out.complaint = to_string(*why);
  }
  return out;
}

base::Expected<void> FlowLog::missed_before(base::UnixMicros from, base::UnixMicros to) {
  const base::UnixMicros open =
      base::aligned(base::second_of(to), settings_.flow_log.max_aggregation_interval);
  if (open <= from) return {};
  return missed_all(from, open - std::chrono::microseconds(1));
}

base::Expected<void> FlowLog::turn(base::UnixMicros now, bool publishes_all) {
  if (now < turned_) {
    is_set_back_ = true;
    objects_->set_back(base::second_of(now));
  }
  turned_ = now;
  const auto has_room = tell_losses(now);
  if (!has_room) return tl::unexpected(has_room.error());
  if (!*has_room) {
    recorder_.hold(now);
    return {};
  }
  if (!publishes_all && !is_set_back_) return pass(now);
  return finish(now);
}

base::Expected<void> FlowLog::finish(base::UnixMicros now) {
  turned_ = now;
  if (auto done = pass(now); !done) return done;
  if (auto done = recorder_.hand_over(); !done) return done;
  objects_->publish_all(base::second_of(now));
  is_set_back_ = false;
  return {};
}

base::Expected<void> FlowLog::settle(base::UnixMicros now) {
  const auto has_room = tell_losses(now);
  if (!has_room) return tl::unexpected(has_room.error());
  if (*has_room) objects_->publish_all(base::second_of(turned_));
  return {};
}

base::Expected<void> FlowLog::settle_all(base::UnixMicros now) {
  if (auto done = settle(now); !done || !objects_->has_room()) return done;
  // Nothing more of the windows that have begun can be lost.
  const base::UnixMicros until = now + settings_.flow_log.max_aggregation_interval;
  base::Expected<bool> told = true;
  while (told && *told) told = tell_lost(until);
  return told ? base::Expected<void>() : tl::unexpected(told.error());
}

base::Expected<bool> FlowLog::tell_losses(base::UnixMicros now) {
  if (!objects_->has_room()) return false;
  if (const auto loss = objects_->take_loss()) {
    const base::UnixMicros last = loss->to - std::chrono::seconds(1);
    auto done = missed_all(loss->from, std::min(last, turned_));
    if (done) done = recorder_.hand_over();
    if (!done) return tl::unexpected(done.error());
  }
  if (auto done = tell_lost(now); !done) return tl::unexpected(done.error());
  return true;
}

base::Expected<bool> FlowLog::tell_lost(base::UnixMicros until) {
  const std::shared_ptr<Remote>& remote = objects_->remote();
  if (remote == nullptr) return false;
  deliver::Spool& spool = remote->spool();
  const deliver::Coverage lost = spool.lost();
  if (lost.empty() || !remote->is_well()) return false;
  const auto length = settings_.flow_log.max_aggregation_interval;
  const auto slot_of = [&](base::UnixSeconds window) {
    return base::aligned(window + length - std::chrono::seconds(1), deliver::kSlot);
  };
  const base::UnixSeconds first = base::aligned(*lost.first(), length);
  if (first + length > until) return false;  // more of it may be lost
  const base::UnixSeconds slot = slot_of(first);
  const std::uint64_t given_up = spool.status().given_up;
  deliver::Coverage told;
  for (const auto& [id, spans] : lost.interfaces()) {
    const auto interface = plan_.network.find_interface(id);
    for (const auto& [start, end] : spans) {
      base::UnixSeconds window = base::aligned(start, length);
      for (; window < end && slot_of(window) <= slot && window + length <= until;
           window += length) {
        told.add(id, window, window + length);
        // Of one that is not described any more no record can be made; its loss was logged.
        if (!interface) continue;
        if (auto done = recorder_.lost(*interface, window); !done) {
          return tl::unexpected(done.error());
        }
      }
    }
  }
  objects_->publish_early(slot + deliver::kSlot);
  if (spool.status().given_up != given_up) return false;
  spool.forget_lost(told);
  return true;
}

std::unique_ptr<FlowLog> FlowLog::follow(FlowLog& before, const Plan& plan, std::size_t number) {
  auto next = std::make_unique<FlowLog>(plan, number, std::move(before.objects_));
  std::vector<std::optional<vpc::InterfaceIndex>> now_at;
  for (const vpc::NetworkInterface& interface : before.plan_.network.interfaces) {
    now_at.push_back(plan.network.find_interface(interface.id));
  }
  next->recorder_.follow(before.recorder_, now_at);
  next->turned_ = before.turned_;
  next->is_set_back_ = before.is_set_back_;
  return next;
}

}  // namespace weir::service
