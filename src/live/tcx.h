// tcx, Linux 6.6; newer than Debian 12's headers.
#pragma once

#include <cstdint>

namespace weir::live {

inline constexpr std::uint32_t kTcxIngress = 46;  ///< BPF_TCX_INGRESS
inline constexpr std::uint32_t kTcxEgress = 47;   ///< BPF_TCX_EGRESS

}  // namespace weir::live
