// Packets byte by byte, written from the RFCs and tcpdump.org's page on link types.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "packet/packet.h"

namespace weir::packet {

using Bytes = std::vector<std::uint8_t>;

/// https://www.tcpdump.org/linktypes.html
enum Link : std::uint16_t {
  kNull = 0,
  kEthernet = 1,
  kRawBsd = 12,
  kRawOpenBsd = 14,
  kRaw = 101,
  kLoop = 108,
  kCooked = 113,
  kIpv4Only = 228,
  kIpv6Only = 229,
  kCooked2 = 276,
};

inline Bytes join(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

inline Bytes u8(unsigned value) {
  return {static_cast<std::uint8_t>(value)};
}
inline Bytes u16(unsigned value) {
  return {static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value)};
}
inline Bytes u32(std::uint32_t value) {
  return join({u16(value >> 16U), u16(value & 0xffffU)});
}
inline Bytes zeros(std::size_t count) {
  Bytes out;
  out.resize(count);
  return out;
}

inline Bytes tcp(unsigned bits = 2) {
  return join({u16(1000), u16(443), u32(1), u32(0), u8(0x50), u8(bits), u16(1024), u32(0)});
}
inline Bytes udp(std::size_t payload = 0) {
  return join(
      {u16(1000), u16(53), u16(static_cast<unsigned>(8 + payload)), u16(0), zeros(payload)});
}
inline Bytes icmp(unsigned type, unsigned code, unsigned id = 0x1234) {
  return join({u8(type), u8(code), u16(0), u16(id), u16(1)});
}
inline Bytes sctp() {
  return join({u16(1000), u16(2905), u32(7), u32(0), zeros(16)});
}

/// 10.0.0.1 to 10.0.0.2. `fragment` is the field of flags and offset; `options` a multiple of 4.
inline Bytes ipv4(unsigned protocol, const Bytes& payload, unsigned fragment = 0,
                  const Bytes& options = {}) {
  const auto words = static_cast<unsigned>(5 + options.size() / 4);
  const auto length = static_cast<unsigned>(20 + options.size() + payload.size());
  return join({u8(0x40 | words), u8(0), u16(length), u16(0xbeef), u16(fragment), u8(64),
               u8(protocol), u16(0), u32(0x0a000001), u32(0x0a000002), options, payload});
}

/// 2001:db8::1 to 2001:db8::2.
inline Bytes ipv6(unsigned next, const Bytes& payload) {
  const Bytes network = join({u32(0x20010db8), zeros(8)});
  return join({u32(0x60000000), u16(static_cast<unsigned>(payload.size())), u8(next), u8(64),
               network, u32(1), network, u32(2), payload});
}

/// An extension header of 8 bytes and `more` times 8.
inline Bytes extension(unsigned next, unsigned more = 0) {
  return join({u8(next), u8(more), zeros(6 + 8UL * more)});
}

inline Bytes ethernet(unsigned type, const Bytes& payload) {
  return join({Bytes(12, 0x02), u16(type), payload});
}

struct Parsed {
  ParseResult result{};
  weir_packet packet{};
};

/// On the heap and of the exact size, so that the sanitizers see a read beyond it.
inline Parsed parse(const Bytes& bytes, std::uint16_t link, std::size_t wire) {
  const Bytes exact(bytes.begin(), bytes.end());
  Parsed out;
  out.result = parse(std::span(exact), static_cast<std::uint32_t>(wire), link, out.packet);
  return out;
}
inline Parsed parse(const Bytes& bytes, std::uint16_t link) {
  return parse(bytes, link, bytes.size());
}

/// "10.0.0.1:1000 > 10.0.0.2:443 protocol 6, 40 bytes", or what became of it instead.
inline std::string in_words(const Parsed& parsed) {
  switch (parsed.result) {
    case ParseResult::parsed:
      break;
    case ParseResult::not_ip:
      return "not IP";
    case ParseResult::truncated:
      return "truncated";
    case ParseResult::malformed:
      return "malformed";
    default:
      return "unknown link";
  }
  const weir_packet& packet = parsed.packet;
  return to_address(packet.src).to_string() + ":" + std::to_string(packet.srcport) + " > " +
         to_address(packet.dst).to_string() + ":" + std::to_string(packet.dstport) + " protocol " +
         std::to_string(packet.protocol) + ", " + std::to_string(packet.bytes) + " bytes";
}

inline constexpr std::string_view kTcp4 = "10.0.0.1:1000 > 10.0.0.2:443 protocol 6, 40 bytes";
inline constexpr std::string_view kTcp6 = "2001:db8::1:1000 > 2001:db8::2:443 protocol 6, 60 bytes";

}  // namespace weir::packet
