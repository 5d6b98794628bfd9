#include "packet/packet.h"

#include <algorithm>
#include <cstddef>

namespace weir::packet {
namespace {

// Numbers of https://www.tcpdump.org/linktypes.html.
enum LinkType : std::uint16_t {
  kNull = 0,
  kEthernet = 1,
  kRaw12 = 12,  // DLT_RAW of most systems, seen in files although LINKTYPE_RAW is 101
  kRaw14 = 14,  // DLT_RAW of OpenBSD
  kRaw = 101,
  kLoop = 108,
  kLinuxCooked = 113,
  kIpv4 = 228,
  kIpv6 = 229,
  kLinuxCooked2 = 276,
};

constexpr std::uint32_t kCookedHeader = 16;
constexpr std::uint32_t kCooked2Header = 20;
constexpr std::uint32_t kNullHeader = 4;

ParseResult from_c(int result) {
  switch (result) {
    case WEIR_PARSED:
      return ParseResult::parsed;
    case WEIR_NOT_IP:
      return ParseResult::not_ip;
    case WEIR_TRUNCATED:
      return ParseResult::truncated;
    default:
      return ParseResult::malformed;
  }
}

// The address family before the packet is a number of the capturing system: 2 is IPv4 everywhere,
// IPv6 is 10, 24, 28 or 30; BSD null has it in the writer's byte order, loop in network order.
bool is_ip_family(const std::uint8_t* header) {
  std::uint32_t family = weir_load32(header);
  if (family > 0xffffU) family = __builtin_bswap32(family);
  return family == 2 || family == 10 || family == 24 || family == 28 || family == 30;
}

}  // namespace

ParseResult parse(std::span<const std::uint8_t> bytes, std::uint32_t wire_length,
                  std::uint16_t link_type, weir_packet& packet) {
  if (bytes.empty()) return wire_length > 0 ? ParseResult::truncated : ParseResult::malformed;
  const std::uint8_t* data = bytes.data();
  const std::uint8_t* end = data + bytes.size();
  // A capture may have kept more than it says was on the wire; what is there is there.
  const auto wire = std::max(wire_length, static_cast<std::uint32_t>(bytes.size()));
  switch (link_type) {
    case kEthernet:
      return from_c(weir_parse_ethernet(data, end, wire, &packet));
    case kRaw:
    case kRaw12:
    case kRaw14:
    case kIpv4:
    case kIpv6:
      return from_c(weir_parse_ip(data, end, wire, &packet));
    case kLinuxCooked:
      if (bytes.size() < kCookedHeader) break;
      return from_c(weir_parse_ethertype(data + kCookedHeader, end, wire - kCookedHeader,
                                         weir_load16(data + 14), &packet));
    case kLinuxCooked2:
      if (bytes.size() < kCooked2Header) break;
      return from_c(weir_parse_ethertype(data + kCooked2Header, end, wire - kCooked2Header,
                                         weir_load16(data), &packet));
    case kNull:
    case kLoop:
      if (bytes.size() < kNullHeader) break;
      if (!is_ip_family(data)) return ParseResult::not_ip;
      return from_c(weir_parse_ip(data + kNullHeader, end, wire - kNullHeader, &packet));
    default:
      return ParseResult::unknown_link;
  }
  return wire > bytes.size() ? ParseResult::truncated : ParseResult::malformed;
}

}  // namespace weir::packet
