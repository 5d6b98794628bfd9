#include "live/others.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/pkt_sched.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <utility>

#include "base/descriptor.h"
#include "live/filters.h"
#include "live/namespace.h"
#include "live/tcx.h"

namespace weir::live {
namespace {

using Stage = OtherProgram::Stage;

constexpr const char* kOwn = "weir_live";  // as bpf/live.bpf.c names it

/// Empty: this process may not look.
std::string name_of(std::uint32_t program) {
  const base::Descriptor descriptor(bpf_prog_get_fd_by_id(program));
  bpf_prog_info info{};
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(descriptor.get(), &info, &size) != 0) return "";
  return static_cast<const char*>(info.name);
}

/// Without Weir's own; those in front of it come before it.
void append_others(std::vector<OtherProgram> all, std::vector<OtherProgram>& out) {
  const auto own = std::find_if(all.begin(), all.end(),
                                [](const OtherProgram& each) { return each.name == kOwn; });
  if (own != all.end()) {
    std::for_each(all.begin(), own, [](OtherProgram& each) { each.comes_before = true; });
  }
  std::copy_if(all.begin(), all.end(), std::back_inserter(out),
               [](const OtherProgram& each) { return each.name != kOwn; });
}

/// False: this kernel has no tcx. An error is the system's.
tl::expected<bool, int> append_tcx(int device, Stage stage, std::vector<OtherProgram>& out) {
  constexpr std::size_t kMost = 64;  // the kernel takes no more
  std::array<std::uint32_t, kMost> programs{};
  std::uint32_t count = kMost;
  const auto type =
      static_cast<bpf_attach_type>(stage == Stage::received ? kTcxIngress : kTcxEgress);
  const int error = bpf_prog_query(device, type, 0, nullptr, programs.data(), &count);
  if (error == -EINVAL) return false;
  if (error != 0) return tl::unexpected(error);
  std::vector<OtherProgram> all;
  for (std::size_t i = 0; i < std::min<std::size_t>(count, kMost); ++i) {
    all.push_back({stage, name_of(programs[i]), programs[i]});
  }
  append_others(std::move(all), out);
  return true;
}

std::vector<OtherProgram> filters_of(int device, Stage stage) {
  const auto direction = stage == Stage::received ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS;
  std::vector<OtherProgram> all;
  visit_filters(device, direction, Chains::first, [&all, stage](const TcFilter& filter) {
    if (filter.handle == 0) return true;
    OtherProgram one{stage, filter.kind, filter.program_id};
    if (filter.program_id != 0) {
      one.name = name_of(filter.program_id);
      if (one.name.empty()) one.name = filter.program;
    }
    // Others than programs may be many of a kind.
    if (all.empty() || all.back() != one) all.push_back(std::move(one));
    return true;
  });
  return all;
}

void append_clsact(int device, Stage stage, bool has_tcx, std::vector<OtherProgram>& out) {
  auto filters = filters_of(device, stage);
  if (!has_tcx) return append_others(std::move(filters), out);
  out.insert(out.end(), filters.begin(), filters.end());
}

}  // namespace

base::Expected<std::vector<OtherProgram>> others_at(const Device& device) {
  auto space = open_namespace(device);
  if (!space) return tl::unexpected(space.error());
  std::vector<OtherProgram> out;
  const int error = in_namespace(space->get(), [&] {
    const auto index = static_cast<int>(if_nametoindex(device.name.c_str()));
    if (index == 0) return -errno;
    std::uint32_t xdp = 0;
    if (bpf_xdp_query_id(index, 0, &xdp) == 0 && xdp != 0) {
      out.push_back({Stage::xdp, name_of(xdp), xdp, true});
    }
    for (const Stage stage : {Stage::received, Stage::sent}) {
      const auto has_tcx = append_tcx(index, stage, out);
      if (!has_tcx) return has_tcx.error();
      append_clsact(index, stage, *has_tcx, out);
    }
    return 0;
  });
  if (error != 0) return refused_at(device, "", -error);
  return out;
}

}  // namespace weir::live
