// The processors on which packets may come, and what each has of the room for flows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"

extern "C" {
#include "bpf/live.h"
}

namespace weir::live {

/// Their numbers are below these.
struct Processors {
  std::uint32_t possible = 0;  ///< a virtual machine often has far more than are online
  std::uint32_t online = 0;    ///< now
};

/// Errors: the kernel does not say.
base::Expected<Processors> processors();

/// How many numbers there are up to the last one of the kernel's list: "0-3,8" has nine. 0: there
/// is none.
std::uint32_t numbers_in(std::string_view list);

/// Divides blocks for `flows` of all processors together: not more of them, but that each
/// processor has one at least.
weir_shares shares_of(std::size_t flows, std::size_t in_block, Processors processors);

}  // namespace weir::live
