#include "live/hook.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <ifaddrs.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/descriptor.h"
#include "live/clsact.h"
#include "live/kernel.h"
#include "live/namespace.h"
#include "live/tcx.h"

namespace weir::live {
namespace {

constexpr std::uint32_t kBefore = 1U << 3U;  // BPF_F_BEFORE: all that hang there

int create_tcx_link(int program, int device, std::uint32_t type) {
  bpf_attr attributes{};
  attributes.link_create.prog_fd = static_cast<std::uint32_t>(program);
  attributes.link_create.target_ifindex = static_cast<std::uint32_t>(device);
  attributes.link_create.attach_type = type;
  // Who comes first may end a packet's way: dropped, sent elsewhere, or passed on without another
  // look.
  attributes.link_create.flags = kBefore;
  const auto link = syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes));
  return link < 0 ? -errno : static_cast<int>(link);
}

/// How the link holds its program at the device.
Standing standing_of(const base::Descriptor& link, int device, std::uint32_t type) {
  bpf_link_info info{};
  std::uint32_t size = sizeof(info);
  // What is told of a tcx link lies where an XDP link's does, which older headers know.
  if (bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0 ||
      info.xdp.ifindex != static_cast<std::uint32_t>(device)) {
    return Standing::gone;
  }
  // Of more than there is room for the first ones are told.
  std::uint32_t first = 0;
  std::uint32_t count = 1;
  bpf_prog_query(device, static_cast<bpf_attach_type>(type), 0, nullptr, &first, &count);
  return first == info.prog_id ? Standing::first : Standing::behind;
}

}  // namespace

std::string words_for(const Device& device) {
  return device.network_namespace.empty() ? device.name
                                          : device.name + " in " + device.network_namespace;
}

struct Hook::State {
  /// Is the namespace that has this name still the one that it was?
  [[nodiscard]] bool is_namespace_there() const {
    if (!space.is_open()) return true;
    struct stat own {};
    struct stat named {};
    return fstat(space.get(), &own) == 0 && stat(path_of_namespace(device).c_str(), &named) == 0 &&
           own.st_ino == named.st_ino;
  }

  Device device;
  int index = 0;  ///< the device's
  base::Descriptor space;
  base::Descriptor of_received;  ///< a link: closing it detaches
  base::Descriptor of_sent;
  std::optional<Clsact> clsact;

  /// In front, unless it is there.
  int hang(base::Descriptor& link, int program, std::uint32_t type) const {
    if (standing_of(link, index, type) == Standing::first) return 0;
    link = base::Descriptor();  // no program hangs there twice
    link = base::Descriptor(create_tcx_link(program, index, type));
    return link.is_open() ? 0 : link.get();
  }

  int attach_tcx(Programs programs) {
    const int error = hang(of_received, programs.of_received, kTcxIngress);
    return error != 0 ? error : hang(of_sent, programs.of_sent, kTcxEgress);
  }

  int attach(Programs programs, Attachment attachment) {
    index = static_cast<int>(if_nametoindex(device.name.c_str()));
    if (index == 0) return -errno;
    if (attachment != Attachment::clsact) {
      const int error = attach_tcx(programs);
      // An older kernel does not know this kind of link.
      if (error != -EINVAL || attachment == Attachment::tcx) return error;
    }
    clsact.emplace(index);
    return clsact->attach(programs);
  }

  // These are called in the device's namespace.
  [[nodiscard]] bool is_device_there() const {
    return static_cast<int>(if_nametoindex(device.name.c_str())) == index;
  }
  int repair(Programs programs) {
    if (!is_device_there()) return -ENODEV;
    return clsact ? clsact->attach(programs) : attach_tcx(programs);
  }
  [[nodiscard]] Standing standing() const {
    if (!is_device_there()) return Standing::gone;
    if (clsact) return clsact->standing();
    return std::min(standing_of(of_received, index, kTcxIngress),
                    standing_of(of_sent, index, kTcxEgress));
  }
};

base::Expected<Hook> Hook::attach(Programs programs, const Device& device, Attachment attachment) {
  auto space = open_namespace(device);
  if (!space) return tl::unexpected(space.error());
  Hook hook(std::make_unique<State>());
  hook.state_->device = device;
  hook.state_->space = std::move(*space);
  const int error = in_namespace(hook.state_->space.get(),
                                 [&] { return hook.state_->attach(programs, attachment); });
  if (error != 0) return refused_at(device, "attaching to ", -error);
  return hook;
}

Hook::Hook(std::unique_ptr<State> state) : state_(std::move(state)) {}
Hook::Hook(Hook&&) noexcept = default;
Hook& Hook::operator=(Hook&&) noexcept = default;

Hook::~Hook() {
  if (!state_ || !state_->clsact) return;
  in_namespace(state_->space.get(), [this] {
    state_->clsact->detach();
    return 0;
  });
}

base::Expected<void> Hook::replace(Programs programs) {
  const int error = in_namespace(state_->space.get(), [&] {
    if (state_->clsact) return state_->clsact->put(programs);
    const int received = bpf_link_update(state_->of_received.get(), programs.of_received, nullptr);
    return received != 0 ? received
                         : bpf_link_update(state_->of_sent.get(), programs.of_sent, nullptr);
  });
  if (error != 0) return refused_at(state_->device, "changing programs at ", -error);
  return {};
}

base::Expected<bool> Hook::repair(Programs programs) {
  const int error =
      state_->is_namespace_there()
          ? in_namespace(state_->space.get(), [&] { return state_->repair(programs); })
          : -ENODEV;
  if (error == -ENODEV) return false;
  if (error != 0) return refused_at(state_->device, "attaching to ", -error);
  return true;
}

Attachment Hook::attachment() const {
  return state_->clsact ? Attachment::clsact : Attachment::tcx;
}

std::optional<Remains> Hook::remains() const {
  if (!state_->clsact) return std::nullopt;
  return state_->clsact->remains(state_->device);
}

bool remove(const Remains& remains) {
  const auto space = open_namespace(remains.device);
  if (!space) return false;
  return in_namespace(space->get(), [&] {
           const int index = static_cast<int>(if_nametoindex(remains.device.name.c_str()));
           Clsact clsact(remains);
           if (index != remains.index || !clsact.is_there()) return 0;
           clsact.detach();
           return 1;
         }) == 1;
}

Standing Hook::standing() const {
  Standing standing = Standing::gone;
  if (!state_->is_namespace_there()) return standing;
  in_namespace(state_->space.get(), [&] {
    standing = state_->standing();
    return 0;
  });
  return standing;
}

base::Expected<std::vector<base::Address>> addresses_of(const Device& device) {
  auto space = open_namespace(device);
  if (!space) return tl::unexpected(space.error());
  std::vector<base::Address> addresses;
  const int error = in_namespace(space->get(), [&] {
    ifaddrs* all = nullptr;
    if (getifaddrs(&all) != 0) return -errno;
    for (const ifaddrs* at = all; at != nullptr; at = at->ifa_next) {
      if (at->ifa_addr == nullptr || device.name != at->ifa_name) continue;
      const int family = at->ifa_addr->sa_family;
      const void* bytes = nullptr;
      if (family == AF_INET) bytes = &reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr;
      if (family == AF_INET6) {
        bytes = &reinterpret_cast<const sockaddr_in6*>(at->ifa_addr)->sin6_addr;
      }
      std::array<char, INET6_ADDRSTRLEN> text{};
      if (bytes == nullptr || inet_ntop(family, bytes, text.data(), text.size()) == nullptr)
        continue;
      if (const auto address = base::Address::parse(text.data())) addresses.push_back(*address);
    }
    freeifaddrs(all);
    return 0;
  });
  if (error != 0) return refused_at(device, "", -error);
  return addresses;
}

base::Expected<bool> has_link_header(const Device& device) {
  auto space = open_namespace(device);
  if (!space) return tl::unexpected(space.error());
  const int type = in_namespace(space->get(), [&] {
    const base::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket.is_open()) return -errno;
    ifreq request{};
    if (device.name.size() >= sizeof(request.ifr_name)) return -ENODEV;
    std::memcpy(request.ifr_name, device.name.data(), device.name.size());
    if (ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0) return -errno;
    return static_cast<int>(request.ifr_hwaddr.sa_family);
  });
  if (type < 0) return refused_at(device, "", -type);
  return type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK;
}

}  // namespace weir::live
