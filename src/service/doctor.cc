#include "service/doctor.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <memory>
#include <set>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "live/datapath.h"
#include "live/hook.h"
#include "live/kernel.h"
#include "live/others.h"
#include "service/plan.h"
#include "service/privileges.h"

namespace weir::service {
namespace {

namespace fs = std::filesystem;

Finding ok(std::string subject, std::string found) {
  return {std::move(subject), Health::ok, std::move(found), {}};
}

Finding lacking(std::string subject, const base::Error& error) {
  return {std::move(subject), Health::lacking,
          error.where.empty() ? error.what : error.where + ": " + error.what, error.hint};
}

struct KernelVersion {
  int major = 0;
  int minor = 0;
  friend auto operator<=>(const KernelVersion&, const KernelVersion&) = default;
};

/// bpf_jiffies64 is of 5.6; from 5.11 on memory of maps is not limited by RLIMIT_MEMLOCK.
constexpr KernelVersion kOldest{5, 6};
constexpr KernelVersion kWithoutMemlock{5, 11};

/// "6.1.0-13-amd64"
KernelVersion version_of(std::string_view release) {
  KernelVersion version;
  const char* const end = release.data() + release.size();
  const auto [rest, error] = std::from_chars(release.data(), end, version.major);
  if (error == std::errc() && rest != end) std::from_chars(rest + 1, end, version.minor);
  return version;
}

KernelVersion examine_kernel(std::vector<Finding>& findings) {
  utsname names{};
  uname(&names);
  const std::string release = static_cast<const char*>(names.release);
  const KernelVersion version = version_of(release);
  if (version < kOldest) {
    findings.push_back({"kernel", Health::lacking, release, "run Linux 5.6 or newer"});
  } else {
    findings.push_back(ok("kernel", release));
  }
  return version;
}

void examine_memlock(KernelVersion kernel, std::vector<Finding>& findings) {
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  if (kernel >= kWithoutMemlock) {
    findings.push_back(ok("memlock", "this kernel does not count it"));
  } else if (limit.rlim_cur == RLIM_INFINITY) {
    findings.push_back(ok("memlock", "unlimited"));
  } else {
    findings.push_back({"memlock", Health::lacking, fmt::format("{} bytes", limit.rlim_cur),
                        "ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit"});
  }
}

void examine_capabilities(bool enters_namespaces, std::vector<Finding>& findings) {
  std::vector<std::pair<int, const char*>> needed{
      {CAP_BPF, "CAP_BPF"}, {CAP_PERFMON, "CAP_PERFMON"}, {CAP_NET_ADMIN, "CAP_NET_ADMIN"}};
  if (enters_namespaces) needed.emplace_back(CAP_SYS_ADMIN, "CAP_SYS_ADMIN (for weir:netns)");
  std::string missing;
  for (const auto& [capability, name] : needed) {
    if (!has_capability(capability)) missing += (missing.empty() ? "" : ", ") + std::string(name);
  }
  findings.push_back(missing.empty()
                         ? ok("capabilities", "all that it takes")
                         : Finding{"capabilities", Health::lacking, "without " + missing,
                                   "run it as root, or by packaging/weir.service"});
}

void examine_jit(std::vector<Finding>& findings) {
  std::string value;
  std::ifstream("/proc/sys/net/core/bpf_jit_enable") >> value;
  if (value == "0") {
    findings.push_back({"JIT", Health::warning, "is off: programs are slow",
                        "sysctl -w net.core.bpf_jit_enable=1"});
  } else {
    findings.push_back(ok("JIT", value.empty() ? "cannot be seen from here" : "is on"));
  }
}

void examine_clock(std::vector<Finding>& findings) {
  timex clock{};
  const bool is_synchronised = adjtimex(&clock) >= 0 && (clock.status & STA_UNSYNC) == 0;
  findings.push_back(is_synchronised ? ok("clock", "is synchronised")
                                     : Finding{"clock", Health::warning,
                                               "is not synchronised: records may have wrong times",
                                               "run chrony or systemd-timesyncd"});
}

/// In a network namespace that goes with its thread, at a device that is nobody's.
Finding try_attaching(const live::Programs& programs) {
  Finding finding;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      finding = {"attachment", Health::warning, "cannot be tried without CAP_SYS_ADMIN", ""};
    } else if (live::Hook::attach(programs, {"lo", ""}, live::Attachment::tcx)) {
      finding = ok("attachment", "tcx");
    } else if (auto hook = live::Hook::attach(programs, {"lo", ""}, live::Attachment::clsact)) {
      finding = ok("attachment", "clsact (tcx needs Linux 6.6)");
    } else {
      finding = lacking("attachment", hook.error());
    }
  }).join();
  return finding;
}

void try_programs(std::vector<Finding>& findings) {
  auto datapath = live::Datapath::load({.flows = 1024, .ipv6_flows = 1024, .connections = 1024});
  if (!datapath) return findings.push_back(lacking("programs", datapath.error()));
  const auto port = datapath->add_port(live::Mode::observe, true);
  if (!port) return findings.push_back(lacking("programs", port.error()));
  findings.push_back(ok("programs", "the kernel accepts them"));
  findings.push_back(
      try_attaching({.of_received = datapath->program(*port, vpc::Direction::ingress),
                     .of_sent = datapath->program(*port, vpc::Direction::egress)}));
  const auto waited = live::wait_for_running_programs();
  findings.push_back(waited ? ok("membarrier", "works") : lacking("membarrier", waited.error()));
}

/// The folder, or the nearest above it that is there.
fs::path nearest_of(fs::path path) {
  std::error_code error;
  while (!fs::exists(path, error) && path.has_relative_path()) path = path.parent_path();
  return path.empty() ? fs::path(".") : path;
}

void examine_folder(const std::string& subject, const fs::path& path, const std::string& when_full,
                    std::vector<Finding>& findings) {
  constexpr std::uintmax_t kLittle = std::uintmax_t{1} << 30U;
  const fs::path nearest = nearest_of(path);
  std::error_code error;
  const fs::space_info space = fs::space(nearest, error);
  Finding finding{subject, Health::ok,
                  fmt::format("{}: {} MB are free", path.string(), space.available >> 20U), ""};
  if (error || !fs::is_directory(nearest, error) || access(nearest.c_str(), W_OK | X_OK) != 0) {
    finding = {subject, Health::lacking, path.string() + ": cannot be written to",
               "make it, for the user that weir becomes"};
  } else if (space.available < kLittle) {
    finding.health = Health::warning;
    finding.advice = "free some space: " + when_full;
  }
  findings.push_back(std::move(finding));
}

/// A socket is made in a folder that is there, or in one that is to be made beside others.
void examine_socket(const fs::path& socket, std::vector<Finding>& findings) {
  const fs::path folder = socket.has_parent_path() ? socket.parent_path() : fs::path(".");
  std::error_code error;
  const fs::path above = folder.has_parent_path() ? folder.parent_path() : fs::path(".");
  const fs::path& writable = fs::exists(folder, error) ? folder : above;
  const bool can_be =
      fs::is_directory(writable, error) && access(writable.c_str(), W_OK | X_OK) == 0;
  findings.push_back(can_be ? ok("socket", socket.string())
                            : Finding{"socket", Health::lacking,
                                      socket.string() + ": cannot be made there",
                                      "make its folder, for the user that weir becomes"});
}

/// What `weir up` writes to.
void examine_folders(const Config& config, std::vector<Finding>& findings) {
  const std::string wait = "records wait in memory while a disk is full";
  examine_folder("state", config.state, "after a crash more than is missing becomes SKIPDATA",
                 findings);
  std::set<std::string> seen;
  bool has_remote = false;
  for (const FlowLogConfig& flow_log : config.flow_logs) {
    const std::string& destination = flow_log.log_destination;
    has_remote = has_remote || flow_log.is_remote();
    if (flow_log.is_remote() || !seen.insert(destination).second) continue;
    examine_folder("log-destination", destination, wait, findings);
  }
  if (has_remote) {
    examine_folder("spool", config.spool.folder, "when it is full the oldest in it is given up",
                   findings);
  }
}

/// "cil_from_netdev (program 42), of what it receives"
std::string words_for(const live::OtherProgram& one) {
  using Stage = live::OtherProgram::Stage;
  const std::string name =
      one.id == 0
          ? one.name + " (no program)"
          : fmt::format("{} (program {})",
                        one.name.empty() ? "one that only root may look at" : one.name, one.id);
  return name + (one.stage == Stage::xdp        ? ", XDP"
                 : one.stage == Stage::received ? ", of what it receives"
                                                : ", of what it sends");
}

/// What others do at a device, and what it means for the records.
void examine_others(const live::Device& device, std::vector<Finding>& findings) {
  const auto others = live::others_at(device);
  if (!others) {
    findings.push_back({"others at " + live::words_for(device), Health::warning,
                        "cannot be looked for: " + others.error().what, others.error().hint});
    return;
  }
  std::string before;
  std::string after;
  for (const live::OtherProgram& one : *others) {
    std::string& list = one.comes_before ? before : after;
    list += (list.empty() ? "" : "; ") + words_for(one);
  }
  const std::string at = " Weir at " + live::words_for(device);
  if (!before.empty()) {
    findings.push_back({"before" + at, Health::warning, before,
                        "what these do not pass on is in no record: see to it that they pass on "
                        "what is to be recorded"});
  }
  if (!after.empty()) {
    findings.push_back(
        ok("after" + at, after + ": what these drop or send elsewhere is recorded all the same"));
  }
}

void examine_plan(const Plan& plan, std::vector<Finding>& findings) {
  for (const Place& place : plan.places) {
    const live::Device& device = place.device;
    const std::string subject = "device " + live::words_for(device);
    const std::string& id = plan.network[place.interface].id;
    // A device without addresses is there too: the header's kind is asked for.
    const auto has_header = live::has_link_header(device);
    findings.push_back(
        has_header
            ? ok(subject, "is there, for " + id)
            : Finding{subject, Health::warning,
                      has_header.error().what + ": " + id + " gets SKIPDATA until that changes",
                      has_header.error().hint.empty() ? "see to its tags weir:device and weir:netns"
                                                      : has_header.error().hint});
    if (has_header) examine_others(device, findings);
  }
  examine_folders(plan.config, findings);
  examine_socket(plan.config.socket, findings);
}

/// From here on it is who `weir up` would be.
void become_user(const std::string& user, const fs::path& config, std::vector<Finding>& findings) {
  if (auto done = become(user); !done) return findings.push_back(lacking("user", done.error()));
  findings.push_back(access(config.c_str(), R_OK) == 0
                         ? ok("user", user)
                         : Finding{"user", Health::warning,
                                   user + " cannot read " + config.string(),
                                   "let it, or a reload (SIGHUP) changes nothing"});
}

}  // namespace

std::vector<Finding> examine(const std::optional<fs::path>& config) {
  std::vector<Finding> findings;
  std::unique_ptr<const Plan> plan;
  base::Expected<void> read;
  if (config) {
    auto settings = read_config(*config);
    if (settings && !settings->user.empty()) become_user(settings->user, *config, findings);
    auto made =
        settings ? Plan::make(std::move(*settings), nullptr) : tl::unexpected(settings.error());
    if (made) {
      plan = std::move(*made);
    } else {
      read = tl::unexpected(made.error());
    }
  }
  const KernelVersion kernel = examine_kernel(findings);
  examine_capabilities(plan != nullptr && plan->enters_namespaces(), findings);
  examine_memlock(kernel, findings);
  examine_jit(findings);
  examine_clock(findings);
  try_programs(findings);
  if (!config) return findings;
  findings.push_back(read ? ok("configuration", config->string())
                          : lacking("configuration", read.error()));
  if (plan != nullptr) examine_plan(*plan, findings);
  return findings;
}

}  // namespace weir::service
