#include "logs/separators.h"

#include <array>
#include <bit>
#include <cstring>
#include <numeric>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace weir::logs {
namespace {

/// Byte by byte: what the others must equal.
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

}  // namespace

#ifdef __x86_64__

namespace {

constexpr std::size_t kBlock = 64;
constexpr unsigned kHalf = 32;

#define WEIR_AVX2 __attribute__((target("avx2,bmi,popcnt")))

/// The sign bits of 64 bytes.
WEIR_AVX2 inline std::uint64_t bits(__m256i low, __m256i high) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(low))) |
         static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(high)))
             << kHalf;
}

WEIR_AVX2 inline std::uint64_t sum(__m256i parts) {
  std::array<std::uint64_t, 4> numbers;
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(numbers.data()), parts);
  return numbers[0] + numbers[1] + numbers[2] + numbers[3];
}

/// 64 bytes at a time: a word of bits says where the separators are. All else is gathered in
/// vectors, and looked at once.
WEIR_AVX2 SeparatorCount find_with_avx2(std::string_view text, std::uint32_t* places) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i newline = _mm256_set1_epi8('\n');
  const __m256i space = _mm256_set1_epi8(' ');
  const __m256i carriage_return = _mm256_set1_epi8('\r');
  __m256i newlines = zero;
  __m256i carriage_returns = zero;
  __m256i non_ascii = zero;  // in the sign bits
  std::array<char, kBlock> last{};
  std::size_t all = 0;
  for (std::size_t i = 0; i < text.size(); i += kBlock) {
    const char* bytes = text.data() + i;
    if (text.size() - i < kBlock) {
      std::memcpy(last.data(), bytes, text.size() - i);
      bytes = last.data();
    }
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes + kHalf));
    const __m256i low_newlines = _mm256_cmpeq_epi8(low, newline);
    const __m256i high_newlines = _mm256_cmpeq_epi8(high, newline);
    // What is equal is -1.
    const __m256i new_lines = _mm256_sub_epi8(zero, _mm256_add_epi8(low_newlines, high_newlines));
    newlines = _mm256_add_epi64(newlines, _mm256_sad_epu8(new_lines, zero));
    carriage_returns = _mm256_or_si256(carriage_returns,
                                       _mm256_or_si256(_mm256_cmpeq_epi8(low, carriage_return),
                                                       _mm256_cmpeq_epi8(high, carriage_return)));
    non_ascii = _mm256_or_si256(non_ascii, _mm256_or_si256(low, high));
    std::uint64_t separators = bits(_mm256_or_si256(low_newlines, _mm256_cmpeq_epi8(low, space)),
                                    _mm256_or_si256(high_newlines, _mm256_cmpeq_epi8(high, space)));
    const auto found = static_cast<std::size_t>(_mm_popcnt_u64(separators));
    // Eight at a time whether there are so many or not: cheaper than asking after each.
    for (std::size_t done = 0; done < found; done += 8) {
      for (std::size_t j = 0; j < 8; ++j) {
        places[all + done + j] = static_cast<std::uint32_t>(i + _tzcnt_u64(separators));
        separators &= separators - 1;
      }
    }
    all += found;
  }
  SeparatorCount count;
  count.all = all;
  count.newlines = sum(newlines);
  count.has_carriage_return = _mm256_movemask_epi8(carriage_returns) != 0;
  count.has_non_ascii = _mm256_movemask_epi8(non_ascii) != 0;
  return count;
}

#define WEIR_AVX512 __attribute__((target("avx512bw,avx512vbmi2,bmi,popcnt")))

/// The same with masks in registers of their own, and with the places of a block made by one
/// instruction: what is at a separator stays of the numbers from 0 to 63.
WEIR_AVX512 SeparatorCount find_with_avx512(std::string_view text, std::uint32_t* places) {
  static constexpr auto kNumbers = [] {
    std::array<char, kBlock> numbers{};
    std::iota(numbers.begin(), numbers.end(), char{0});
    return numbers;
  }();
  constexpr std::size_t kStored = 16;  // places at a time
  // All; g++ 12 warns of the intrinsics without a mask.
  constexpr __mmask16 kAll = 0xffff;
  constexpr __mmask8 kLow = 0xf;
  const __m512i numbers = _mm512_loadu_si512(kNumbers.data());
  const __m512i newline = _mm512_set1_epi8('\n');
  const __m512i space = _mm512_set1_epi8(' ');
  const __m512i carriage_return = _mm512_set1_epi8('\r');
  __mmask64 carriage_returns = 0;
  __mmask64 non_ascii = 0;
  SeparatorCount count;
  for (std::size_t i = 0; i < text.size(); i += kBlock) {
    const std::size_t left = text.size() - i;
    const __mmask64 wanted = left < kBlock ? (__mmask64{1} << left) - 1 : ~__mmask64{0};
    const __m512i bytes = _mm512_maskz_loadu_epi8(wanted, text.data() + i);
    const __mmask64 newlines = _mm512_cmpeq_epi8_mask(bytes, newline);
    const __mmask64 separators = newlines | _mm512_cmpeq_epi8_mask(bytes, space);
    carriage_returns |= _mm512_cmpeq_epi8_mask(bytes, carriage_return);
    non_ascii |= _mm512_movepi8_mask(bytes);
    count.newlines += static_cast<std::size_t>(_mm_popcnt_u64(newlines));
    const auto found = static_cast<std::size_t>(_mm_popcnt_u64(separators));
    __m512i packed = _mm512_maskz_compress_epi8(separators, numbers);
    const __m512i base = _mm512_set1_epi32(static_cast<int>(i));
    for (std::size_t done = 0;;) {
      const __m128i some = _mm512_maskz_extracti32x4_epi32(kLow, packed, 0);
      _mm512_storeu_si512(places + count.all + done,
                          _mm512_add_epi32(_mm512_maskz_cvtepu8_epi32(kAll, some), base));
      done += kStored;
      if (done >= found) break;  // lines of fields as short as that are rare
      packed = _mm512_maskz_alignr_epi32(kAll, packed, packed, kStored / sizeof(std::uint32_t));
    }
    count.all += found;
  }
  count.has_carriage_return = carriage_returns != 0;
  count.has_non_ascii = non_ascii != 0;
  return count;
}

}  // namespace

std::vector<SeparatorFinder> separator_finders() {
  std::vector<SeparatorFinder> finders = {find_separators_simply};
  if (__builtin_cpu_supports("avx2")) finders.push_back(find_with_avx2);
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2")) {
    finders.push_back(find_with_avx512);
  }
  return finders;
}

#else

std::vector<SeparatorFinder> separator_finders() {
  return {find_separators_simply};
}

#endif

SeparatorCount find_separators(std::string_view text, std::uint32_t* places) {
  static const SeparatorFinder fastest = separator_finders().back();
  return fastest(text, places);
}

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
