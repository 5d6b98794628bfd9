#include "deliver/digest.h"

#include <openssl/evp.h>

#include <array>
#include <new>

namespace weir::deliver {

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

std::string Digest::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned length = 0;
  EVP_DigestFinal_ex(context_.get(), bytes.data(), &length);
  EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < length; ++i) {
    out += kDigits[bytes[i] >> 4U];
    out += kDigits[bytes[i] & 0xfU];
  }
  return out;
}

}  // namespace weir::deliver
