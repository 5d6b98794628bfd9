// The fast way of finding separators against the simple one, and UTF-8 against its definition.
#include "logs/separators.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace weir::logs {
namespace {

std::string random_text(std::mt19937& random, std::size_t size) {
  constexpr std::string_view kBytes("  \n\r-07azA\x80\xff\0", 13);
  std::string text(size, '\0');
  for (char& c : text) c = kBytes[random() % kBytes.size()];
  return text;
}

TEST(Separators, AllFastWaysEqualTheSimpleOneOnRandomBytes) {
  std::mt19937 random(7);
  const std::vector<SeparatorFinder> finders = separator_finders();
  for (int i = 0; i < 3000; ++i) {
    const std::size_t size = random() % 300;
    std::string padded = random_text(random, size);
    padded.append(kSeparatorPadding, " \n\r\xff"[i % 4]);  // which is not part of the text
    const std::string_view text = std::string_view(padded).substr(0, size);
    std::vector<std::uint32_t> simple(size + kSeparatorPadding);
    const SeparatorCount other = finders.front()(text, simple.data());
    simple.resize(other.all);
    for (const SeparatorFinder find : finders) {
      std::vector<std::uint32_t> fast(size + kSeparatorPadding);
      const SeparatorCount one = find(text, fast.data());
      ASSERT_EQ(one.all, other.all);
      ASSERT_EQ(one.newlines, other.newlines);
      ASSERT_EQ(one.has_carriage_return, other.has_carriage_return);
      ASSERT_EQ(one.has_non_ascii, other.has_non_ascii);
      fast.resize(one.all);
      ASSERT_EQ(fast, simple);
    }
  }
}

/// By Unicode's definition: writes the code point and compares.
std::string encoded(char32_t point) {
  const auto byte = [](char32_t bits) { return static_cast<char>(bits); };
  if (point < 0x80) return {byte(point)};
  if (point < 0x800) return {byte(0xc0 | point >> 6), byte(0x80 | (point & 63))};
  if (point < 0x10000) {
    return {byte(0xe0 | point >> 12), byte(0x80 | (point >> 6 & 63)), byte(0x80 | (point & 63))};
  }
  return {byte(0xf0 | point >> 18), byte(0x80 | (point >> 12 & 63)), byte(0x80 | (point >> 6 & 63)),
          byte(0x80 | (point & 63))};
}

TEST(Utf8, EveryCodePointButSurrogatesIsText) {
  for (char32_t point = 0; point <= 0x110000; ++point) {
    const bool is_text = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
    ASSERT_EQ(is_utf8("a" + encoded(point) + "b"), is_text) << static_cast<std::uint32_t>(point);
  }
}

TEST(Utf8, CutLongAndLoneBytesAreNot) {
  for (const char* text :
       {"\x80", "\xc3", "\xe2\x98", "\xf0\x9f\x98", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80",
        "\xf0\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xff", "\xc3(", "caf\xe9"}) {
    EXPECT_FALSE(is_utf8(text)) << text;
  }
}

}  // namespace
}  // namespace weir::logs
