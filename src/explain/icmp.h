// Records do not tell the type of ICMP; these are what ICMP most often is.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "packet/packet.h"

namespace weir::explain {

struct IcmpType {
  std::uint8_t type;
  std::uint8_t code;
};

/// Echo, and errors about another packet; none for what is not ICMP.
inline std::span<const IcmpType> icmp_types(std::uint8_t protocol) {
  static constexpr auto kIcmp =
      std::to_array<IcmpType>({{8, 0}, {0, 0}, {3, 0}, {3, 1}, {3, 3}, {3, 4}, {11, 0}});
  static constexpr auto kIcmpv6 =
      std::to_array<IcmpType>({{128, 0}, {129, 0}, {1, 0}, {1, 4}, {2, 0}, {3, 0}});
  if (protocol == WEIR_ICMP) return kIcmp;
  if (protocol == WEIR_ICMPV6) return kIcmpv6;
  return {};
}

}  // namespace weir::explain
