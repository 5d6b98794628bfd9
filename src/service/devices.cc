#include "service/devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "live/kernel.h"

namespace weir::service {
namespace {

constexpr std::chrono::minutes kAfterRefusal{1};

const char* words_for(live::Mode mode) {
  return mode == live::Mode::enforce ? "enforce" : "observe";
}

bool has_address(const vpc::NetworkInterface& interface, const base::Address& address) {
  const auto is_among = [&](const auto& addresses) {
    return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
  };
  return is_among(interface.ipv4) || is_among(interface.ipv6);
}

const Place* find_place(const Plan& plan, const std::string& id) {
  const auto found = std::find_if(plan.places.begin(), plan.places.end(), [&](const Place& place) {
    return plan.network[place.interface].id == id;
  });
  return found == plan.places.end() ? nullptr : &*found;
}

Watched watch(const Plan& plan, const Place& place) {
  Watched one;
  one.place = place;
  one.id = plan.network[place.interface].id;
  return one;
}

}  // namespace

Devices::Devices(live::Datapath& datapath, const Plan& plan, base::Log log)
    : datapath_(datapath), plan_(&plan), log_(std::move(log)) {
  for (const Place& place : plan.places) watched_.push_back(watch(plan, place));
}

vpc::InterfaceIndex Devices::interface_of(live::Port port) const {
  return interfaces_[static_cast<std::size_t>(port)];
}

bool Devices::prepare(base::UnixMicros now, const std::function<bool()>& goes_on) {
  now_ = now;
  return std::all_of(watched_.begin(), watched_.end(), [&](Watched& one) {
    has_loaded_ = false;
    // The look says what is wrong.
    static_cast<void>(prepare(one));
    return goes_on();
  });
}

void Devices::look(base::UnixMicros now) {
  now_ = now;
  tries_again_ = !is_waited_for_;
  has_loaded_ = is_waited_for_ = false;
  std::vector<Watched*> ready;
  for (Watched& one : watched_) {
    one.was_away = !one.is_new && (!one.hook || !keep(one));
    if (one.hook) continue;
    const auto prepared = prepare(one);
    if (prepared && *prepared) ready.push_back(&one);
    complain(one, prepared.map([](bool) {}));
  }
  if (!ready.empty()) {
    const auto published = publish();
    for (Watched* one : ready) complain(*one, published ? attach(*one) : published);
  }
  for (Watched& one : watched_) {
    if (!one.hook) one.was_away = true;
    one.is_new = false;
  }
}

/// It may be gone, or what hangs there, or its mode another. False: it may not have seen all until
/// now.
bool Devices::keep(Watched& one) {
  const live::Standing standing = one.hook->standing();
  const bool is_behind = standing == live::Standing::behind;
  // Who comes before it again at once would do so for ever: two who both want to be first.
  const bool gave_way = one.times_behind > 1;
  const bool gives_way = is_behind && one.times_behind > 0;
  one.times_behind = is_behind ? one.times_behind + 1 : 0;
  if (standing != live::Standing::first && !gives_way) {
    put_back(one, standing);
    return false;
  }
  base::Expected<void> done;
  if (one.mode != one.place.mode) done = change_mode(one);
  if (done && gives_way) {
    done = base::fail("", "another program comes first at its device " + one.place.device.name +
                              ", and what that does not pass on is not seen");
  }
  complain(one, done);
  return !gives_way && !gave_way;
}

void Devices::put_back(Watched& one, live::Standing standing) {
  const std::string& device = one.place.device.name;
  const auto repaired = one.hook->repair(programs_of(one));
  if (!repaired) {
    one.hook.reset();
    log_({base::Severity::warning,
          fmt::format("{}: what hung at its device {} was {}, and cannot be put back: {}", one.id,
                      device,
                      standing == live::Standing::behind ? "not first any more" : "taken away",
                      repaired.error().message())});
  } else if (!*repaired) {
    one.hook.reset();
    log_({base::Severity::warning, fmt::format("{}: its device {} is gone", one.id, device)});
  } else if (standing == live::Standing::behind) {
    // Where that is not so, the next look says it.
    if (one.hook->standing() != live::Standing::first) return;
    log_({base::Severity::warning,
          fmt::format("{}: another program had come first at its device {}, and comes after it now",
                      one.id, device)});
  } else {
    log_({base::Severity::warning,
          fmt::format("{}: what hung at its device {} was taken away, and hangs there again",
                      one.id, device)});
  }
}

bool Devices::may_load(const Watched& one) {
  // A clock that was set back makes nobody wait longer.
  const auto since = one.refusal ? now_ - one.refusal->at : kAfterRefusal;
  if (since >= base::UnixMicros::duration::zero() && since < kAfterRefusal) return false;
  if (one.refusal && !tries_again_) return false;
  if (has_loaded_) is_waited_for_ = true;
  return !has_loaded_;
}

base::Expected<void> Devices::load(Watched& one, live::Mode mode, bool has_link_header) {
  has_loaded_ = true;
  if (one.port) return datapath_.change_port(*one.port, mode, has_link_header);
  const auto port = datapath_.add_port(mode, has_link_header);
  if (!port) return tl::unexpected(port.error());
  one.port = *port;
  interfaces_.resize(std::max(interfaces_.size(), static_cast<std::size_t>(*port) + 1));
  interfaces_[static_cast<std::size_t>(*port)] = one.place.interface;
  has_new_port_ = true;
  return {};
}

/// The device is there, and the programs for it. False: those wait for their turn. Where they were
/// refused the error stays until they are loaded.
base::Expected<bool> Devices::prepare(Watched& one) {
  const vpc::NetworkInterface& interface = plan_->network[one.place.interface];
  const auto addresses = live::addresses_of(one.place.device);
  if (!addresses) return tl::unexpected(addresses.error());
  const auto has_header = live::has_link_header(one.place.device);
  if (!has_header) return tl::unexpected(has_header.error());
  // A device without the interface's addresses is the host's end of what leads to it: what the
  // interface sends is received there.
  one.is_own = std::any_of(addresses->begin(), addresses->end(),
                           [&](const auto& address) { return has_address(interface, address); });
  const live::Mode mode = one.place.mode;
  if (one.port && one.mode == mode && one.has_link_header == *has_header) return true;
  if (may_load(one)) {
    const auto loaded = load(one, mode, *has_header);
    one.refusal = loaded ? std::nullopt : std::optional(Watched::Refusal{loaded.error(), now_});
  } else if (!one.refusal) {
    return false;
  }
  if (one.refusal) return tl::unexpected(one.refusal->why);
  one.mode = mode;
  one.has_link_header = *has_header;
  return true;
}

base::Expected<void> Devices::publish() {
  if (!has_new_port_) return {};
  auto published = datapath_.publish(plan_->policy, interfaces_);
  if (published) has_new_port_ = false;
  return published;
}

live::Programs Devices::programs_of(const Watched& one) const {
  const auto received = one.is_own ? vpc::Direction::ingress : vpc::Direction::egress;
  const auto sent = one.is_own ? vpc::Direction::egress : vpc::Direction::ingress;
  return {.of_received = datapath_.program(*one.port, received),
          .of_sent = datapath_.program(*one.port, sent)};
}

base::Expected<void> Devices::attach(Watched& one) {
  auto hook = live::Hook::attach(programs_of(one), one.place.device);
  if (!hook) return tl::unexpected(hook.error());
  one.hook.emplace(std::move(*hook));
  one.times_behind = 0;
  log_({base::Severity::info,
        fmt::format("{} is recorded at {} ({}, {})", one.id, live::words_for(one.place.device),
                    one.hook->attachment() == live::Attachment::tcx ? "tcx" : "clsact",
                    words_for(one.mode))});
  return {};
}

/// Without a packet that goes by unseen, when it is its turn. Where that was refused the error
/// stays until it is done.
base::Expected<void> Devices::change_mode(Watched& one) {
  if (!may_load(one)) {
    return one.refusal ? base::Expected<void>(tl::unexpected(one.refusal->why))
                       : base::Expected<void>();
  }
  auto changed = load(one, one.place.mode, one.has_link_header);
  if (changed) changed = one.hook->replace(programs_of(one));
  if (!changed) {
    const auto refused =
        base::fail(fmt::format("stays in mode {}", words_for(one.mode)), changed.error().message());
    one.refusal = {refused.value(), now_};
    return refused;
  }
  one.refusal.reset();
  one.mode = one.place.mode;
  log_({base::Severity::info, fmt::format("{}: its mode is {} now", one.id, words_for(one.mode))});
  return {};
}

/// Says what is wrong, once.
void Devices::complain(Watched& one, const base::Expected<void>& done) {
  const std::string complaint = done ? "" : done.error().message();
  if (!complaint.empty() && complaint != one.complaint) {
    log_({base::Severity::warning,
          fmt::format("{}{}: {}", one.id, one.hook ? "" : " is not recorded", complaint)});
  }
  one.complaint = complaint;
}

base::Expected<void> Devices::release(const Plan& next) {
  bool has_released = false;
  for (Watched& one : watched_) {
    const Place* place = find_place(next, one.id);
    if (!one.hook || (place != nullptr && place->device == one.place.device)) continue;
    one.hook.reset();
    has_released = true;
    log_({base::Severity::info,
          fmt::format("{} is let go of at {}", one.id, live::words_for(one.place.device))});
  }
  return has_released ? live::wait_for_running_programs() : base::Expected<void>();
}

base::Expected<void> Devices::follow(const Plan& next) {
  std::vector<vpc::InterfaceIndex> interfaces(interfaces_.size());
  for (const Watched& one : watched_) {
    const Place* place = find_place(next, one.id);
    if (place == nullptr || !one.port) continue;
    interfaces[static_cast<std::size_t>(*one.port)] = place->interface;
  }
  if (auto published = datapath_.publish(next.policy, interfaces); !published) return published;
  std::vector<Watched> watched;
  for (const Place& place : next.places) {
    Watched one = watch(next, place);
    const auto before = std::find_if(watched_.begin(), watched_.end(),
                                     [&](const Watched& other) { return other.id == one.id; });
    if (before != watched_.end()) {
      one = std::move(*before);
      one.place = place;
      if (one.refusal) one.refusal->at = {};  // what is wanted now is tried at once
      watched_.erase(before);
    }
    watched.push_back(std::move(one));
  }
  for (const Watched& gone : watched_) {
    if (gone.port) datapath_.remove_port(*gone.port);
  }
  watched_ = std::move(watched);
  interfaces_ = std::move(interfaces);
  has_new_port_ = false;
  plan_ = &next;
  return {};
}

base::Expected<void> Devices::detach() {
  for (Watched& one : watched_) {
    one.was_away =
        !one.hook || one.times_behind > 1 || one.hook->standing() != live::Standing::first;
    one.hook.reset();
  }
  return live::wait_for_running_programs();
}

}  // namespace weir::service
