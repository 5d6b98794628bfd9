// A text that must never be seen: a key, a token.
#pragma once

#include <openssl/crypto.h>

#include <string>
#include <utility>

namespace weir::aws {

/// Has no way to be printed or compared by accident; its memory is overwritten when it goes.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept { text_.swap(other.text_); }
  Secret& operator=(const Secret& other) {
    if (this != &other) {
      wipe();
      text_ = other.text_;
    }
    return *this;
  }
  Secret& operator=(Secret&& other) noexcept {
    text_.swap(other.text_);  // what was here is wiped when the other goes
    return *this;
  }
  ~Secret() { wipe(); }

  [[nodiscard]] bool empty() const { return text_.empty(); }
  /// For signing, and for nothing that a person will read.
  [[nodiscard]] const std::string& reveal() const { return text_; }

 private:
  void wipe() {
    OPENSSL_cleanse(text_.data(), text_.size());
    text_.clear();
  }
  std::string text_;
};

}  // namespace weir::aws
