// Bytes of any supported link layer to header fields: bpf/packet.h for user space, and the link
// layers that only captures have.
#pragma once

#include <cstdint>
#include <span>

#include "base/address.h"

extern "C" {
#include "bpf/packet.h"
}

namespace weir::packet {

/// What became of the bytes (bpf/packet.h tells when which).
enum class ParseResult : std::uint8_t { parsed, not_ip, truncated, malformed, unknown_link };

/// Parses one captured packet. `bytes` is what the capture kept of it, `wire_length` its length on
/// the wire, `link_type` a LINKTYPE_ number: Ethernet, raw IP, Linux cooked v1 and v2, BSD null and
/// loop. `packet` is meaningful only when the result is `parsed`.
ParseResult parse(std::span<const std::uint8_t> bytes, std::uint32_t wire_length,
                  std::uint16_t link_type, weir_packet& packet);

inline base::Address to_address(const weir_address& address) {
  return {address.high, address.low};
}
inline weir_address to_c(const base::Address& address) {
  return {address.high, address.low};
}

}  // namespace weir::packet
