#include "recorder/sightings.h"

namespace weir::recorder {

using record::FieldId;
using vpc::Direction;

Lookout::Lookout(const vpc::Network& network, const AwsServices& services,
                 const record::LogFormat& format, std::optional<vpc::InterfaceIndex> interface,
                 std::uint64_t hash_seed)
    : services_(services),
      interface_(interface),
      hash_seed_(hash_seed),
      owners_(network, interface) {
  for (const vpc::NetworkInterface& described : network.interfaces) {
    PrimaryAddresses& primary = primaries_.emplace_back();
    if (!described.ipv4.empty()) primary[WEIR_IPV4] = described.ipv4.front();
    if (!described.ipv6.empty()) primary[WEIR_IPV6] = described.ipv6.front();
  }
  keeps_own_address_[WEIR_EGRESS] = format.has(FieldId::pkt_srcaddr);
  keeps_own_address_[WEIR_INGRESS] = format.has(FieldId::pkt_dstaddr);
  keeps_own_service_[WEIR_EGRESS] = format.has(FieldId::pkt_src_aws_service);
  keeps_own_service_[WEIR_INGRESS] = format.has(FieldId::pkt_dst_aws_service);
}

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
  const auto way = static_cast<std::size_t>(direction);
  const weir_packet& packet = out.packet;
  Sighting& sighting = out.at[out.sightings++];
  sighting.interface = interface;
  sighting.direction = direction;
  flow::FlowKey& key = sighting.key;
  key.src = packet::to_address(packet.src);
  key.dst = packet::to_address(packet.dst);
  base::Address& own = direction == Direction::egress ? key.src : key.dst;
  key.own = {};
  // facts/flow-logs.md §1.2, fields 4 and 5: the primary address, whatever the packet had.
  const base::Address& shown = primaries_[static_cast<std::size_t>(interface)][packet.family & 1U];
  if (shown != own && shown != base::Address{}) {
    if (keeps_own_address_[way] || (keeps_own_service_[way] && !services_.find(own).empty())) {
      key.own = own;
    }
    own = shown;
  }
  key.interface = static_cast<std::uint32_t>(interface);
  key.srcport = packet.srcport;
  key.dstport = packet.dstport;
  key.protocol = packet.protocol;
  key.direction = static_cast<std::uint8_t>(direction);
  sighting.hash = flow::Table::hash(key, hash_seed_);
}

}  // namespace weir::recorder
