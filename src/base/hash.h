// A fast hash of fixed-size keys, for tables in memory only: nothing written depends on its values.
#pragma once

#include <cstdint>

namespace weir::base {

/// A number that nobody outside can guess, one for each table: or an attacker could choose
/// addresses and ports that all fall into one place of it.
std::uint64_t random_seed();

/// Multiply and fold, 64 bits a step.
class Hash {
 public:
  explicit Hash(std::uint64_t seed) : state_(seed) {}

  void add(std::uint64_t word) {
    __extension__ using Wide = unsigned __int128;
    constexpr std::uint64_t kMultiplier = 0x9fb2'1c65'1e98'df25;  // odd, bits well mixed
    Wide product = static_cast<Wide>(word ^ state_) * kMultiplier;
    state_ = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
  }
  [[nodiscard]] std::uint64_t value() const { return state_ ^ state_ >> 32U; }

 private:
  std::uint64_t state_;
};

}  // namespace weir::base
