#include "base/digest.h"

#include <openssl/evp.h>

#include <new>

namespace weir::base {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 0xfU];
  }
  return out;
}

std::optional<Sha256> sha256_of_hex(std::string_view text) {
  Sha256 bytes{};
  if (text.size() != bytes.size() * 2) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t digit = kDigits.find(text[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    bytes[i / 2] = static_cast<std::uint8_t>(bytes[i / 2] * kDigits.size() + digit);
  }
  return bytes;
}

void Digest::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Digest::Digest() : context_(EVP_MD_CTX_new()) {
  // SHA-256 is always there; both fail only for want of memory.
  if (context_ == nullptr || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) {
    throw std::bad_alloc();
  }
}

void Digest::add(std::span<const std::uint8_t> bytes) {
  EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

void Digest::add(std::string_view text) {
  EVP_DigestUpdate(context_.get(), text.data(), text.size());
}

Sha256 Digest::take() {
  Sha256 bytes{};
  EVP_DigestFinal_ex(context_.get(), bytes.data(), nullptr);
  EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  return bytes;
}

}  // namespace weir::base
