// Numbers read eight digits at a time against std::from_chars.
#include "query/number.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace weir::query {
namespace {

template <typename T>
void expect_as_from_chars(const std::string& text) {
  const std::string padded = text + std::string(kNumberPadding, '7');  // no part of the number
  EXPECT_EQ(number<T>(std::string_view(padded).substr(0, text.size())), base::whole_number<T>(text))
      << text;
}

void expect_both_as_from_chars(const std::string& text) {
  expect_as_from_chars<std::int32_t>(text);
  expect_as_from_chars<std::int64_t>(text);
}

TEST(Number, LimitsSignsAndOddText) {
  for (const char* text : {"",
                           "-",
                           "+",
                           "0",
                           "00",
                           "-0",
                           "-1",
                           "+1",
                           " 1",
                           "1 ",
                           "1.5",
                           "0x1",
                           "12e3",
                           "65535",
                           "00000000065535",
                           "2147483647",
                           "2147483648",
                           "-2147483648",
                           "-2147483649",
                           "99999999",
                           "100000000",
                           "9999999999999999",
                           "10000000000000000",
                           "9223372036854775807",
                           "9223372036854775808",
                           "-9223372036854775808",
                           "00000000000000000000000000001",
                           "1234567\xff",
                           "\xff",
                           "1\x80",
                           "12345678:",
                           "/2345678",
                           "1234567:9"}) {
    expect_both_as_from_chars(text);
  }
}

TEST(Number, RandomDigitsWithSomethingElseAmongThem) {
  std::mt19937 random(11);
  for (int i = 0; i < 200'000; ++i) {
    std::string text(random() % 21, '0');
    for (char& c : text) c = static_cast<char>('0' + random() % 10);
    if (!text.empty() && random() % 3 == 0)
      text[random() % text.size()] = static_cast<char>(random());
    expect_both_as_from_chars(text);
  }
}

}  // namespace
}  // namespace weir::query
