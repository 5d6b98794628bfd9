#include "base/endpoint.h"

#include "base/number.h"

namespace weir::base {

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool has_brackets = host.starts_with('[') && host.ends_with(']');
  if (has_brackets) host = host.substr(1, host.size() - 2);
  // Of an IPv6 address without brackets nobody knows where it ends.
  if (has_brackets != (host.find(':') != std::string_view::npos)) return std::nullopt;
  const auto address = Address::parse(host);
  const auto port = whole_number<std::uint16_t>(text.substr(colon + 1));
  if (!address || !port || *port == 0) return std::nullopt;
  return Endpoint{*address, *port};
}

std::string Endpoint::to_string() const {
  const bool is_ipv6 = address.family() == Family::ipv6;
  return (is_ipv6 ? "[" + address.to_string() + "]" : address.to_string()) + ":" +
         std::to_string(port);
}

bool Endpoint::is_loopback() const {
  if (address.family() == Family::ipv6) return address == Address{0, 1};
  return address.ipv4() >> 24U == 127;
}

}  // namespace weir::base
