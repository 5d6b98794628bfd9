#include "base/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/number.h"

namespace weir::base {
namespace {

std::uint64_t load_big_endian(const unsigned char* bytes) {
  std::uint64_t word = 0;
  for (int i = 0; i < 8; ++i) word = word << 8U | bytes[i];
  return word;
}

void store_big_endian(std::uint64_t word, unsigned char* bytes) {
  for (int i = 7; i >= 0; --i, word >>= 8U) bytes[i] = static_cast<unsigned char>(word & 0xffU);
}

/// The number of leading bits that count in the 128-bit form.
unsigned full_length(Family family, unsigned length) {
  return family == Family::ipv4 ? 96 + length : length;
}

/// The network mask of the first `bits` bits of one 64-bit word.
std::uint64_t mask(unsigned bits) {
  return bits == 0 ? 0 : bits >= 64 ? ~std::uint64_t{0} : ~std::uint64_t{0} << (64 - bits);
}

Address masked(const Address& address, unsigned bits) {
  return {address.high & mask(bits), address.low & (bits > 64 ? mask(bits - 64) : 0)};
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN + 1> copy{};
  if (text.size() >= copy.size()) return std::nullopt;
  std::copy(text.begin(), text.end(), copy.begin());
  if (std::memchr(copy.data(), '\0', text.size()) != nullptr) return std::nullopt;
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(AF_INET, copy.data(), bytes.data()) == 1) {
    return from_ipv4(static_cast<std::uint32_t>(load_big_endian(bytes.data()) >> 32U));
  }
  if (inet_pton(AF_INET6, copy.data(), bytes.data()) == 1) {
    return Address{load_big_endian(bytes.data()), load_big_endian(bytes.data() + 8)};
  }
  return std::nullopt;
}

void Address::append_to(std::string& out) const {
  if (family() == Family::ipv4) {
    for (unsigned shift = 32; shift != 0;) {
      shift -= 8;
      unsigned octet = ipv4() >> shift & 0xffU;
      if (octet >= 100) out += static_cast<char>('0' + octet / 100);
      if (octet >= 10) out += static_cast<char>('0' + octet / 10 % 10);
      out += static_cast<char>('0' + octet % 10);
      if (shift != 0) out += '.';
    }
    return;
  }
  std::array<unsigned char, 16> bytes{};
  store_big_endian(high, bytes.data());
  store_big_endian(low, bytes.data() + 8);
  std::array<char, INET6_ADDRSTRLEN> text{};
  out += inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
}

std::string Address::to_string() const {
  std::string out;
  append_to(out);
  return out;
}

Prefix Prefix::host(const Address& address) {
  return {address, static_cast<std::uint8_t>(address.family() == Family::ipv4 ? 32 : 128),
          address.family()};
}

Prefix Prefix::make(const Address& address, unsigned length) {
  Family family = address.family();
  return {masked(address, full_length(family, length)), static_cast<std::uint8_t>(length), family};
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto address = Address::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const auto length = whole_number<unsigned>(text.substr(slash + 1));
  if (!length) return std::nullopt;
  // ::/0 must stay IPv6 although its bits, and those of a few longer prefixes, are no address's
  // own.
  bool ipv6 = text.substr(0, slash).find(':') != std::string_view::npos;
  if (*length > (ipv6 ? 128U : 32U)) return std::nullopt;
  if (ipv6 && address->family() == Family::ipv4) return std::nullopt;  // ::ffff:a.b.c.d/n
  return make(*address, *length);
}

bool Prefix::contains(const Address& other) const {
  return other.family() == family && masked(other, full_length(family, length)) == address;
}

bool Prefix::contains(const Prefix& other) const {
  return other.family == family && other.length >= length && contains(other.address);
}

Address Prefix::last() const {
  unsigned bits = full_length(family, length);
  return {address.high | ~mask(bits), address.low | ~(bits > 64 ? mask(bits - 64) : 0)};
}

std::string Prefix::to_string() const {
  return address.to_string() + "/" + std::to_string(length);
}

}  // namespace weir::base
