// Names of protocols and services as IANA writes them, of those that people meet.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace weir::base {

/// Protocols by which packets are told apart.
inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kIcmpv6 = 58;

struct IanaName {
  std::uint32_t number = 0;
  std::string_view name;
};

std::span<const IanaName> protocol_names();
std::span<const IanaName> port_names();

/// Empty where the number has none here.
std::string_view protocol_name(std::uint32_t protocol);
std::string_view port_name(std::uint32_t port);

}  // namespace weir::base
