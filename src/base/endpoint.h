// Where a server listens, or is to be asked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"

namespace weir::base {

struct Endpoint {
  Address address;
  std::uint16_t port = 0;

  /// "127.0.0.1:9464", "[::1]:9464"; no names, and no port 0.
  static std::optional<Endpoint> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  /// Can nobody reach it but from this host? 127.0.0.0/8 and ::1.
  [[nodiscard]] bool is_loopback() const;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

}  // namespace weir::base
