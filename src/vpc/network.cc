#include "vpc/network.h"

#include <algorithm>
#include <cctype>

namespace weir::vpc {

std::string_view to_string(Direction direction) {
  return direction == Direction::ingress ? "ingress" : "egress";
}

std::span<const InterfaceIndex> Network::owners(const base::Address& address) const {
  auto found = owners_.find(address);
  if (found == owners_.end()) return {};
  return found->second;
}

std::optional<InterfaceIndex> Network::find_interface(std::string_view id) const {
  auto found = std::find_if(interfaces.begin(), interfaces.end(),
                            [&](const NetworkInterface& interface) { return interface.id == id; });
  if (found == interfaces.end()) return std::nullopt;
  return static_cast<InterfaceIndex>(found - interfaces.begin());
}

void Network::index() {
  owners_.clear();
  for (std::size_t i = 0; i < interfaces.size(); ++i) {
    for (const auto* addresses : {&interfaces[i].ipv4, &interfaces[i].ipv6}) {
      for (const base::Address& address : *addresses) {
        owners_[address].push_back(static_cast<InterfaceIndex>(i));
      }
    }
  }
}

std::string region_of(std::string_view zone) {
  // A region is words and a number: "us-east-1", "us-gov-west-1". A zone's name goes on after it.
  auto digit = zone.find('-');
  while (digit != std::string_view::npos) {
    if (digit + 1 < zone.size() && std::isdigit(static_cast<unsigned char>(zone[digit + 1])) != 0) {
      auto end = digit + 1;
      while (end < zone.size() && std::isdigit(static_cast<unsigned char>(zone[end])) != 0) ++end;
      return end < zone.size() ? std::string(zone.substr(0, end)) : std::string();
    }
    digit = zone.find('-', digit + 1);
  }
  return {};
}

}  // namespace weir::vpc
