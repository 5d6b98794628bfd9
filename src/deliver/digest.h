// SHA-256, from OpenSSL.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace weir::deliver {

class Digest {
 public:
  Digest();
  void add(std::span<const std::uint8_t> bytes);
  void add(std::string_view text);
  /// 64 hex digits of what was added; the digest starts anew.
  [[nodiscard]] std::string hex();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace weir::deliver
