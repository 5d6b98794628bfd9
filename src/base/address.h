// IPv4 and IPv6 addresses and prefixes. Text only at the edges: inside, an address is 16 bytes.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace weir::base {

enum class Family : std::uint8_t { ipv4 = 4, ipv6 = 6 };

/// An address as two 64-bit words in host byte order, most significant first. IPv4 is held in its
/// mapped form (::ffff:a.b.c.d), so that one key layout serves both; the same words are used by the
/// C headers in bpf/ (struct weir_address).
struct Address {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  static constexpr std::uint64_t kMapped = 0x0000'ffff'0000'0000;

  static constexpr Address from_ipv4(std::uint32_t host_order) {
    return Address{0, kMapped | host_order};
  }
  /// Dotted quad or colon-hex; nothing else (no zone, no prefix length).
  static std::optional<Address> parse(std::string_view text);

  [[nodiscard]] constexpr Family family() const {
    return high == 0 && (low >> 32U) == 0xffff ? Family::ipv4 : Family::ipv6;
  }
  /// Only for IPv4 addresses.
  [[nodiscard]] constexpr std::uint32_t ipv4() const { return static_cast<std::uint32_t>(low); }

  /// Dotted quad, or RFC 5952.
  [[nodiscard]] std::string to_string() const;
  /// The same, appended without an allocation of its own.
  void append_to(std::string& out) const;

  auto operator<=>(const Address&) const = default;
};

/// A CIDR block. Host bits are always zero: AWS canonicalises 100.68.0.18/18 to 100.68.0.0/18
/// (facts/flow-logs.md §8.1), and so does `parse`.
struct Prefix {
  Address address;
  std::uint8_t length = 0;  ///< in the family's own bits: 0-32 or 0-128
  Family family = Family::ipv4;

  static Prefix host(const Address& address);
  static Prefix make(const Address& address, unsigned length);
  /// "a.b.c.d/n" or "x::y/n"; a missing length is an error, as it is for AWS.
  static std::optional<Prefix> parse(std::string_view text);

  [[nodiscard]] constexpr bool is_everything() const { return length == 0; }
  [[nodiscard]] bool contains(const Address& other) const;
  [[nodiscard]] bool contains(const Prefix& other) const;
  [[nodiscard]] Address first() const { return address; }
  [[nodiscard]] Address last() const;
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const Prefix&) const = default;
};

}  // namespace weir::base

template <>
struct std::hash<weir::base::Address> {
  std::size_t operator()(const weir::base::Address& a) const noexcept {
    return static_cast<std::size_t>((a.high ^ (a.low * 0x9e37'79b9'7f4a'7c15U)) *
                                    0xd6e8'feb8'6659'fd93U);
  }
};
