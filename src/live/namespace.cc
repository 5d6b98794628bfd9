#include "live/namespace.h"

#include <fcntl.h>

#include <utility>

#include "live/kernel.h"

namespace weir::live {

std::string path_of_namespace(const Device& device) {
  return "/run/netns/" + device.network_namespace;
}

base::Expected<base::Descriptor> open_namespace(const Device& device) {
  if (device.network_namespace.empty()) return base::Descriptor();
  const std::string path = path_of_namespace(device);
  base::Descriptor space(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!space.is_open()) return refused("network namespace " + path, errno);
  return space;
}

tl::unexpected<base::Error> refused_at(const Device& device, const std::string& doing, int error) {
  base::Error why = refused(doing + words_for(device), error).value();
  if (error == EPERM && !device.network_namespace.empty()) {
    why.hint =
        "in a network namespace it takes root, or CAP_SYS_ADMIN beside CAP_BPF, CAP_PERFMON and "
        "CAP_NET_ADMIN; in a unit of systemd RestrictNamespaces=net, too";
  }
  return tl::unexpected(std::move(why));
}

}  // namespace weir::live
