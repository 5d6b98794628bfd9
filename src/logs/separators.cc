#include "logs/separators.h"

#include <array>
#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace weir::logs {

SeparatorCount find_separators_simply(std::string_view text, std::uint32_t* places) {
  SeparatorCount count;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ' ' || c == '\n') places[count.all++] = static_cast<std::uint32_t>(i);
    count.newlines += c == '\n' ? 1 : 0;
    count.has_carriage_return |= c == '\r';
    count.has_non_ascii |= (static_cast<unsigned char>(c) & 0x80U) != 0;
  }
  return count;
}

#if defined(__x86_64__)

namespace {

constexpr std::size_t kBlock = 64;
constexpr unsigned kHalf = 32;

#define WEIR_AVX2 __attribute__((target("avx2,bmi,popcnt")))

/// A bit for each byte that is set in 64 bytes.
WEIR_AVX2 inline std::uint64_t bits(__m256i low, __m256i high) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(low))) |
         static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(high)))
             << kHalf;
}

/// 64 bytes at a time: a word of bits says where the separators are.
WEIR_AVX2 SeparatorCount find_with_avx2(std::string_view text, std::uint32_t* places) {
  const __m256i newline = _mm256_set1_epi8('\n');
  const __m256i space = _mm256_set1_epi8(' ');
  const __m256i carriage_return = _mm256_set1_epi8('\r');
  SeparatorCount count;
  std::uint64_t carriage_returns = 0;
  std::uint64_t non_ascii = 0;
  for (std::size_t i = 0; i < text.size(); i += kBlock) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text.data() + i));
    const __m256i high =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text.data() + i + kHalf));
    const std::size_t left = text.size() - i;
    const std::uint64_t inside =
        left >= kBlock ? ~std::uint64_t{0} : (std::uint64_t{1} << left) - 1;
    const std::uint64_t newlines =
        inside & bits(_mm256_cmpeq_epi8(low, newline), _mm256_cmpeq_epi8(high, newline));
    std::uint64_t separators =
        newlines | (inside & bits(_mm256_cmpeq_epi8(low, space), _mm256_cmpeq_epi8(high, space)));
    carriage_returns |= inside & bits(_mm256_cmpeq_epi8(low, carriage_return),
                                      _mm256_cmpeq_epi8(high, carriage_return));
    non_ascii |= inside & bits(low, high);
    count.newlines += static_cast<std::size_t>(_mm_popcnt_u64(newlines));
    const auto found = static_cast<std::size_t>(_mm_popcnt_u64(separators));
    // Eight at a time whether there are so many or not: cheaper than asking after each.
    for (std::size_t done = 0; done < found; done += 8) {
      for (std::size_t j = 0; j < 8; ++j) {
        places[count.all + done + j] = static_cast<std::uint32_t>(i + _tzcnt_u64(separators));
        separators &= separators - 1;
      }
    }
    count.all += found;
  }
  count.has_carriage_return = carriage_returns != 0;
  count.has_non_ascii = non_ascii != 0;
  return count;
}

}  // namespace

SeparatorCount find_separators(std::string_view text, std::uint32_t* places) {
  static const bool has_avx2 = static_cast<bool>(__builtin_cpu_supports("avx2"));
  return has_avx2 ? find_with_avx2(text, places) : find_separators_simply(text, places);
}

#else

SeparatorCount find_separators(std::string_view text, std::uint32_t* places) {
  return find_separators_simply(text, places);
}

#endif

bool is_utf8(std::string_view text) {
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};  // by bytes in all
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const auto ones = static_cast<std::size_t>(std::countl_one(first));
    if (ones == 0) {
      ++i;
      continue;
    }
    if (ones == 1 || ones >= kLeast.size() || text.size() - i < ones) return false;
    char32_t point = first & (0xffU >> (ones + 1));
    for (std::size_t j = 1; j < ones; ++j) {
      const auto next = static_cast<unsigned char>(text[i + j]);
      if ((next & 0xc0U) != 0x80U) return false;
      point = point << 6U | (next & 0x3fU);
    }
    const bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
    if (point < kLeast[ones] || point > 0x10ffff || is_surrogate) return false;
    i += ones;
  }
  return true;
}

}  // namespace weir::logs
