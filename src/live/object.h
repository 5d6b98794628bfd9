// The kernel program, compiled with Weir and part of it.
#pragma once

#include <cstddef>
#include <span>

namespace weir::live {

/// bpf/live.bpf.c as an ELF object.
std::span<const std::byte> program_object();

}  // namespace weir::live
