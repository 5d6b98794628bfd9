// The filters of a device's clsact, whoever's they are, as the kernel lists them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace weir::live {

struct TcFilter {
  std::uint32_t handle = 0;  ///< 0: it stands for its priority, before the filters of that
  std::uint32_t priority = 0;
  std::string kind;              ///< "bpf", "flower"
  std::string program;           ///< its name, of a program
  std::uint32_t program_id = 0;  ///< the kernel's; 0: it is no program, or the kernel does not say
};

/// Of all chains, or of the one that a packet meets unless a filter of it sends it elsewhere.
enum class Chains : std::uint8_t { first, all };

/// Calls `visit` with what a packet meets, in that order, until it returns false. `direction` is
/// TC_H_MIN_INGRESS or TC_H_MIN_EGRESS. Works in the calling thread's network namespace. False: the
/// kernel does not tell.
bool visit_filters(int device, std::uint32_t direction, Chains chains,
                   const std::function<bool(const TcFilter&)>& visit);

}  // namespace weir::live
