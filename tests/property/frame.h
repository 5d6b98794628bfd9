// Packets as a device carries them: what is described, as bytes of an Ethernet frame.
#pragma once

#include <cstdint>
#include <vector>

#include "packet/packet.h"

namespace weir::property {

/// Appends big-endian words.
class Bytes {
 public:
  std::vector<std::uint8_t> bytes;
  void add8(unsigned value) { bytes.push_back(static_cast<std::uint8_t>(value)); }
  void add16(unsigned value) {
    add8(value >> 8U);
    add8(value);
  }
  void add32(std::uint32_t value) {
    add16(value >> 16U);
    add16(value & 0xffffU);
  }
  void add64(std::uint64_t value) {
    add32(static_cast<std::uint32_t>(value >> 32U));
    add32(static_cast<std::uint32_t>(value));
  }
};

/// Layer 4 and `payload` bytes after it; nothing but the payload for later fragments.
inline std::vector<std::uint8_t> transport_of(const weir_packet& packet, std::size_t payload) {
  Bytes out;
  if (packet.fragment != WEIR_LATER_FRAGMENT) {
    switch (packet.protocol) {
      case WEIR_TCP:
        out.add16(packet.srcport);
        out.add16(packet.dstport);
        out.add64(0);
        out.add8(0x50);
        out.add8(packet.tcp_bits);
        out.add16(0xffff);
        out.add32(0);
        break;
      case WEIR_UDP:
      case WEIR_SCTP:
        out.add16(packet.srcport);
        out.add16(packet.dstport);
        out.add64(0);
        break;
      case WEIR_ICMP:
      case WEIR_ICMPV6:
        out.add8(packet.icmp_type);
        out.add8(packet.icmp_code);
        out.add16(0);
        out.add16(packet.icmp_id);
        out.add16(1);
        break;
      default:
        break;
    }
  }
  // Fragments but the last are multiples of 8.
  while (out.bytes.size() % 8 != 0) out.add8(0);
  out.bytes.resize(out.bytes.size() + payload / 8 * 8);
  return out.bytes;
}

struct FrameShape {
  unsigned vlan_tags = 0;
  std::size_t payload = 0;
  bool is_padded = false;  ///< to Ethernet's 60 bytes
};

inline std::vector<std::uint8_t> frame_of(const weir_packet& packet, const FrameShape& shape) {
  Bytes out;
  const bool is_ipv6 = packet.family == WEIR_IPV6;
  const auto rest = transport_of(packet, shape.payload);
  for (int i = 0; i < 12; ++i) out.add8(i == 5 || i == 11 ? 1 : 2);
  for (unsigned i = 0; i < shape.vlan_tags; ++i) out.add32(0x81000001);
  out.add16(is_ipv6 ? 0x86dd : 0x0800);
  const bool is_later = packet.fragment == WEIR_LATER_FRAGMENT;
  const unsigned where = packet.fragment == WEIR_WHOLE ? 0 : is_later ? 185 : 0;  // in eights
  if (is_ipv6) {
    const bool is_fragment = packet.fragment != WEIR_WHOLE;
    out.add32(0x60000000);
    out.add16(static_cast<unsigned>(rest.size()) + (is_fragment ? 8 : 0));
    out.add8(is_fragment ? unsigned{WEIR_FRAGMENT} : packet.protocol);
    out.add8(64);
    out.add64(packet.src.high);
    out.add64(packet.src.low);
    out.add64(packet.dst.high);
    out.add64(packet.dst.low);
    if (is_fragment) {
      out.add8(packet.protocol);
      out.add8(0);
      out.add16(where << 3U | (is_later ? 0 : 1));
      out.add32(packet.fragment_id);
    }
  } else {
    const bool has_more = packet.fragment == WEIR_FIRST_FRAGMENT;
    out.add16(0x4500);
    out.add16(20 + static_cast<unsigned>(rest.size()));
    out.add16(packet.fragment_id & 0xffffU);
    out.add16(where | (has_more ? 0x2000 : 0));
    out.add8(64);
    out.add8(packet.protocol);
    out.add16(0);
    out.add32(static_cast<std::uint32_t>(packet.src.low));
    out.add32(static_cast<std::uint32_t>(packet.dst.low));
  }
  out.bytes.insert(out.bytes.end(), rest.begin(), rest.end());
  if (shape.is_padded && out.bytes.size() < 60) out.bytes.resize(60);
  return out.bytes;
}

}  // namespace weir::property
