// Whose address is it? Asked twice a packet.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/address.h"
#include "base/hash.h"
#include "vpc/network.h"

namespace weir::recorder {

/// The network's addresses in one flat table: half the time of the network's own map, which serves
/// those who ask rarely.
class Ownership {
 public:
  /// The addresses of one interface, or of all. REQUIRES: no address has two owners among them.
  Ownership(const vpc::Network& network, std::optional<vpc::InterfaceIndex> only)
      : seed_(base::random_seed()) {
    std::size_t addresses = 0;
    for (const auto& interface : network.interfaces) {
      addresses += interface.ipv4.size() + interface.ipv6.size();
    }
    places_.resize(std::bit_ceil(4 * (addresses + 1)));
    for (std::size_t i = 0; i < network.interfaces.size(); ++i) {
      if (only && static_cast<std::size_t>(*only) != i) continue;
      for (const auto& address : network.interfaces[i].ipv4) add(address, i);
      for (const auto& address : network.interfaces[i].ipv6) add(address, i);
    }
  }

  [[nodiscard]] std::optional<vpc::InterfaceIndex> find(const base::Address& address) const {
    const Place& place = places_[slot_of(address)];
    if (place.owner == kFree) return std::nullopt;
    return static_cast<vpc::InterfaceIndex>(place.owner);
  }

 private:
  static constexpr std::uint32_t kFree = 0xffff'ffff;
  struct Place {
    base::Address address;
    std::uint32_t owner = kFree;
  };

  [[nodiscard]] std::size_t slot_of(const base::Address& address) const {
    base::Hash hash(seed_);
    if (address.high != 0) hash.add(address.high);
    hash.add(address.low);
    const std::size_t mask = places_.size() - 1;
    std::size_t slot = hash.value() & mask;
    while (places_[slot].owner != kFree && places_[slot].address != address) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  void add(const base::Address& address, std::size_t owner) {
    Place& place = places_[slot_of(address)];
    if (place.owner == kFree) place = {address, static_cast<std::uint32_t>(owner)};
  }

  std::uint64_t seed_;
  std::vector<Place> places_;
};

}  // namespace weir::recorder
