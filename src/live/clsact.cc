#include "live/clsact.h"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/descriptor.h"

namespace weir::live {
namespace {

/// Of one direction, TC_H_MIN_INGRESS or TC_H_MIN_EGRESS.
bool has_filters(int device, std::uint32_t direction) {
  const base::Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  struct {
    nlmsghdr header;
    tcmsg message;
  } request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_GETTFILTER;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.message.tcm_ifindex = device;
  request.message.tcm_parent = TC_H_MAKE(TC_H_CLSACT, direction);
  // The rest of what it says is of no interest: where there is nothing it says first that it is
  // done.
  struct {
    nlmsghdr header;
    int error;
  } answer{};
  if (send(socket.get(), &request, sizeof(request), 0) != sizeof(request)) return true;
  if (recv(socket.get(), &answer, sizeof(answer), 0) != sizeof(answer)) return true;
  return answer.header.nlmsg_type != NLMSG_DONE || answer.error != 0;
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
  // By the same numbers there may be another's by now.
  for (Filter* filter : {&ingress_, &egress_}) {
    if (!is_there(*filter)) filter->known = {};
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
  bpf_tc_hook hook = hook_at(filter.point);
  bpf_tc_opts options = options_of(filter.known);
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
