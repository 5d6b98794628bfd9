#include "live/clsact.h"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>

#include "base/descriptor.h"

namespace weir::live {
namespace {

constexpr std::uint32_t kFirstPriority = 1;

/// A socket that the kernel tells of the filters of one direction, TC_H_MIN_INGRESS or
/// TC_H_MIN_EGRESS: of all, or of those that a packet meets unless one of them sends it elsewhere.
base::Descriptor ask_for_filters(int device, std::uint32_t direction, bool all) {
  base::Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  struct {
    nlmsghdr header;
    tcmsg message;
    rtattr attribute;
    std::uint32_t chain;
  } request{};
  request.header.nlmsg_len = all ? NLMSG_LENGTH(sizeof(tcmsg)) : sizeof(request);
  request.header.nlmsg_type = RTM_GETTFILTER;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.message.tcm_ifindex = device;
  request.message.tcm_parent = TC_H_MAKE(TC_H_CLSACT, direction);
  request.attribute = {RTA_LENGTH(sizeof(request.chain)), TCA_CHAIN};
  const ssize_t sent = send(socket.get(), &request, request.header.nlmsg_len, 0);
  if (sent != static_cast<ssize_t>(request.header.nlmsg_len)) return {};
  return socket;
}

bool has_filters(int device, std::uint32_t direction) {
  const base::Descriptor socket = ask_for_filters(device, direction, true);
  // The rest of what it says is of no interest: where there is nothing it says first that it is
  // done.
  struct {
    nlmsghdr header;
    int error;
  } answer{};
  if (recv(socket.get(), &answer, sizeof(answer), 0) != sizeof(answer)) return true;
  return answer.header.nlmsg_type != NLMSG_DONE || answer.error != 0;
}

/// The one that a packet meets first; none (0) if the kernel does not tell.
Remains::Filter first_filter(int device, std::uint32_t direction) {
  const base::Descriptor socket = ask_for_filters(device, direction, false);
  std::array<char, std::size_t{32} << 10U> answer{};
  for (ssize_t size = 0; (size = recv(socket.get(), answer.data(), answer.size(), 0)) > 0;) {
    struct {
      nlmsghdr header;
      tcmsg filter;
    } message{};
    for (auto rest = std::span(answer).first(static_cast<std::size_t>(size));
         rest.size() >= sizeof(message.header);) {
      std::memcpy(&message, rest.data(), std::min(rest.size(), sizeof(message)));
      if (message.header.nlmsg_type != RTM_NEWTFILTER) return {};
      // Before the filters of a priority comes a message of their kind, without a handle.
      if (message.filter.tcm_handle != 0) {
        return {message.filter.tcm_handle, message.filter.tcm_info >> 16U, 0};
      }
      rest =
          rest.subspan(std::min<std::size_t>(rest.size(), NLMSG_ALIGN(message.header.nlmsg_len)));
    }
  }
  return {};
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
