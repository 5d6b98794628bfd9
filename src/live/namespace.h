// Work in the network namespace of a device.
#pragma once

#include <sched.h>

#include <cerrno>
#include <string>
#include <thread>

#include "base/descriptor.h"
#include "base/error.h"
#include "live/hook.h"

namespace weir::live {

/// Where `ip netns` keeps the one that the device names.
std::string path_of_namespace(const Device& device);

/// Closed: this process's own.
base::Expected<base::Descriptor> open_namespace(const Device& device);

/// Calls `work` in a thread of its own, which alone moves to the namespace. `space` -1: stays.
/// Returns what that returns, or a negative errno.
template <typename Work>
int in_namespace(int space, Work work) {
  if (space < 0) return work();
  int result = 0;
  std::thread([&] { result = setns(space, CLONE_NEWNET) == 0 ? work() : -errno; }).join();
  return result;
}

/// "doing eth0 in blue: why" of an errno. Whoever may not enter the network namespace may lack no
/// more than that.
tl::unexpected<base::Error> refused_at(const Device& device, const std::string& doing, int error);

}  // namespace weir::live
