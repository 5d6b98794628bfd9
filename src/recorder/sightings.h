// Which interfaces see a packet, and the flow it belongs to at each of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "capture/reader.h"
#include "deliver/flow_log.h"
#include "flow/table.h"
#include "packet/packet.h"
#include "recorder/flow_keys.h"
#include "recorder/ownership.h"
#include "vpc/network.h"

namespace weir::recorder {

/// A packet at one interface.
struct Sighting {
  vpc::InterfaceIndex interface {};
  vpc::Direction direction = vpc::Direction::ingress;
  flow::FlowKey key;
  std::uint64_t hash = 0;  ///< of the key
};

/// A packet with the interfaces that may see it: the sender's, then the receiver's. It holds
/// nothing of the captured bytes.
struct SightedPacket {
  packet::ParseResult parsed = packet::ParseResult::not_ip;
  weir_packet packet{};
  base::UnixMicros time;
  bool is_foreign = false;  ///< recorded at an interface that has neither of its addresses
  std::size_t sightings = 0;
  std::array<Sighting, 2> at;
};

/// Knows all that can be said of a packet without knowing any other packet. For any number of
/// threads at once.
class Lookout {
 public:
  /// All of them outlive the lookout. `interface`: the capture is its own; nothing: the whole
  /// network's. `hash_seed` is that of the flow tables.
  Lookout(const vpc::Network& network, const AwsServices& services, const record::LogFormat& format,
          std::optional<vpc::InterfaceIndex> interface, std::uint64_t hash_seed);

  void look(const capture::CapturedPacket& captured, SightedPacket& out) const;

 private:
  void add_sighting(vpc::InterfaceIndex interface, vpc::Direction direction,
                    SightedPacket& out) const;

  FlowKeys keys_;
  std::optional<vpc::InterfaceIndex> interface_;
  std::uint64_t hash_seed_;
  Ownership owners_;
};

}  // namespace weir::recorder
