#include "live/clsact.h"

#include <linux/pkt_sched.h>

#include <algorithm>
#include <cerrno>

#include "live/filters.h"

namespace weir::live {
namespace {

constexpr std::uint32_t kFirstPriority = 1;

/// If the kernel does not tell, it has.
bool has_filters(int device, std::uint32_t direction) {
  bool has_any = false;
  const bool is_told = visit_filters(device, direction, Chains::all, [&](const TcFilter&) {
    has_any = true;
    return false;
  });
  return has_any || !is_told;
}

/// The one that a packet meets first; none (0) if the kernel does not tell.
Remains::Filter first_filter(int device, std::uint32_t direction) {
  Remains::Filter first;
  visit_filters(device, direction, Chains::first, [&](const TcFilter& filter) {
    if (filter.handle == 0) return true;
    first = {filter.handle, filter.priority, 0};
    return false;
  });
  return first;
}

bpf_tc_opts options_of(const Remains::Filter& filter) {
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.handle = filter.handle;
  options.priority = filter.priority;
  return options;
}

}  // namespace

Clsact::Clsact(const Remains& remains)
    : device_(remains.index),
      is_ours_(remains.has_made_clsact),
      ingress_{BPF_TC_INGRESS, remains.ingress},
      egress_{BPF_TC_EGRESS, remains.egress} {}

Remains Clsact::remains(const Device& device) const {
  return {device, device_, is_ours_, ingress_.known, egress_.known};
}

int Clsact::attach(Programs programs) {
  // Without our filters it is another's that has come in ours' place, if anybody uses it.
  if (!is_there() && is_used()) is_ours_ = false;
  bpf_tc_hook hook = hook_at(BPF_TC_INGRESS);
  const int created = bpf_tc_hook_create(&hook);
  if (created != 0 && created != -EEXIST) return created;
  if (created == 0) is_ours_ = true;
  for (Filter* filter : {&ingress_, &egress_}) {
    if (standing_of(*filter) == Standing::first) continue;
    // By the same numbers there may be another's by now.
    remove(*filter);
    filter->known = {};
  }
  const int error = put(programs);
  if (error == 0) return 0;
  remove(ingress_);
  remove(egress_);
  if (is_ours_ && !is_used()) destroy();
  return error;
}

int Clsact::put(Programs programs) {
  const int error = put(programs.of_received, ingress_);
  return error != 0 ? error : put(programs.of_sent, egress_);
}

void Clsact::detach() {
  // One without our filters may be another's that has come in its place.
  if (!is_there()) return;
  remove(ingress_);
  remove(egress_);
  if (is_ours_ && !is_used()) destroy();
}

bpf_tc_hook Clsact::hook_at(bpf_tc_attach_point point) const {
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = device_;
  hook.attach_point = point;
  return hook;
}

/// A new filter, or another program for the one that is known.
int Clsact::put(int program, Filter& filter) const {
  if (filter.known.handle != 0) return put(program, filter, filter.known.priority);
  const int error = put(program, filter, kFirstPriority);
  return error != -EINVAL ? error : put(program, filter, 0);
}

int Clsact::put(int program, Filter& filter, std::uint32_t priority) const {
  bpf_tc_hook hook = hook_at(filter.point);
  bpf_tc_opts options = options_of(filter.known);
  options.priority = priority;
  options.prog_fd = program;
  options.flags = filter.known.handle == 0 ? 0 : BPF_TC_F_REPLACE;
  const int error = bpf_tc_attach(&hook, &options);
  if (error == 0) filter.known = {options.handle, options.priority, options.prog_id};
  return error;
}

bool Clsact::is_there(const Filter& filter) const {
  if (filter.known.handle == 0) return false;
  bpf_tc_hook hook = hook_at(filter.point);
  bpf_tc_opts options = options_of(filter.known);
  return bpf_tc_query(&hook, &options) == 0 && options.prog_id == filter.known.program;
}

Standing Clsact::standing_of(const Filter& filter) const {
  if (!is_there(filter)) return Standing::gone;
  const bool is_ingress = filter.point == BPF_TC_INGRESS;
  const auto first = first_filter(device_, is_ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
  const bool is_first =
      first.handle == filter.known.handle && first.priority == filter.known.priority;
  return is_first ? Standing::first : Standing::behind;
}

void Clsact::remove(const Filter& filter) const {
  if (!is_there(filter)) return;
  bpf_tc_hook hook = hook_at(filter.point);
  const bpf_tc_opts options = options_of(filter.known);
  bpf_tc_detach(&hook, &options);
}

bool Clsact::is_used() const {
  return has_filters(device_, TC_H_MIN_INGRESS) || has_filters(device_, TC_H_MIN_EGRESS);
}

void Clsact::destroy() const {
  bpf_tc_hook both = hook_at(static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
  bpf_tc_hook_destroy(&both);
}

}  // namespace weir::live
