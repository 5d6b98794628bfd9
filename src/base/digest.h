// SHA-256, from OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace weir::base {

using Sha256 = std::array<std::uint8_t, 32>;

/// Two lower-case digits a byte.
std::string hex(std::span<const std::uint8_t> bytes);
/// What `hex` makes of a hash, and back; nothing: it is no such text.
std::optional<Sha256> sha256_of_hex(std::string_view text);

class Digest {
 public:
  Digest();
  void add(std::span<const std::uint8_t> bytes);
  void add(std::string_view text);
  /// The hash of what was added; the digest starts anew.
  [[nodiscard]] Sha256 take();
  /// The same as 64 hex digits.
  [[nodiscard]] std::string take_hex() { return hex(take()); }

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace weir::base
