#include "recorder/sightings.h"

namespace weir::recorder {

using vpc::Direction;

Lookout::Lookout(const vpc::Network& network, const AwsServices& services,
                 const record::LogFormat& format, std::optional<vpc::InterfaceIndex> interface,
                 std::uint64_t hash_seed)
    : keys_(network, services, format),
      interface_(interface),
      hash_seed_(hash_seed),
      owners_(network, interface) {}

void Lookout::look(const capture::CapturedPacket& captured, SightedPacket& out) const {
  out.time = captured.time;
  out.sightings = 0;
  out.is_foreign = false;
  out.parsed = packet::parse(captured.bytes, captured.wire_length, captured.link_type, out.packet);
  if (out.parsed != packet::ParseResult::parsed) return;
  const auto sender = owners_.find(packet::to_address(out.packet.src));
  const auto receiver = owners_.find(packet::to_address(out.packet.dst));
  if (interface_) {
    // The capture is this interface's own: what it did not send was sent to it.
    out.is_foreign = !sender && !receiver;
    add_sighting(*interface_, sender ? Direction::egress : Direction::ingress, out);
    return;
  }
  if (sender) add_sighting(*sender, Direction::egress, out);
  if (receiver) add_sighting(*receiver, Direction::ingress, out);
}

void Lookout::add_sighting(vpc::InterfaceIndex interface, Direction direction,
                           SightedPacket& out) const {
  const weir_packet& packet = out.packet;
  Sighting& sighting = out.at[out.sightings++];
  sighting.interface = interface;
  sighting.direction = direction;
  flow::FlowKey& key = sighting.key;
  key.src = packet::to_address(packet.src);
  key.dst = packet::to_address(packet.dst);
  key.interface = static_cast<std::uint32_t>(interface);
  key.srcport = packet.srcport;
  key.dstport = packet.dstport;
  key.protocol = packet.protocol;
  key.direction = static_cast<std::uint8_t>(direction);
  keys_.show(key);
  sighting.hash = flow::Table::hash(key, hash_seed_);
}

}  // namespace weir::recorder
