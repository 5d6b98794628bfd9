#include "live/connections.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

#include "live/kernel.h"

extern "C" {
#include "bpf/live.h"
}

namespace weir::live {
namespace {

/// Of the default's 16,384 sets 256 at once, a system call each: with 512, and all else that it
/// does, an idle service took 2.4 ms a second.
constexpr std::size_t kParts = 64;

/// The kernel takes the place of one that is not remembered for another (weir_find_place).
std::size_t taken_in(const weir_connection_set& set, std::uint64_t now) {
  std::size_t taken = 0;
  for (std::size_t i = 0; i < WEIR_SET_CONNECTIONS; ++i) {
    if (set.tags[i] != 0 && set.remembered_until[i] >= now) ++taken;
  }
  return taken;
}

}  // namespace

ConnectionCount::ConnectionCount(int map, std::size_t sets)
    : map_(map), sets_(sets), parts_(std::min(sets, kParts)) {}

base::Expected<void> ConnectionCount::look(std::uint64_t now) {
  std::size_t taken = 0;
  for (std::size_t i = next_; i < sets_; i += parts_.size()) {
    const auto key = static_cast<std::uint32_t>(i);
    weir_connection_set set{};
    if (bpf_map_lookup_elem(map_, &key, &set) != 0) {
      return refused("reading the kernel's connections", errno);
    }
    taken += taken_in(set, now);
  }
  parts_[next_] = taken;
  next_ = (next_ + 1) % parts_.size();
  return {};
}

std::optional<std::size_t> ConnectionCount::taken() const {
  std::size_t sum = 0;
  for (const auto& part : parts_) {
    if (!part) return std::nullopt;
    sum += *part;
  }
  return sum;
}

}  // namespace weir::live
