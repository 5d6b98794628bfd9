#include "base/printable.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

TEST(Printable, LettersOfAnyScriptStay) {
  EXPECT_EQ(printable("eni-1 wéb サブ 🦆"), "eni-1 wéb サブ 🦆");
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, ControlCharactersBecomeDots) {
  EXPECT_EQ(printable("\x1b[31m\a\t\n\x7f"), ".[31m....");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a.b");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            ".31m");  // CSI as one character of C1
}

TEST(Printable, WhatReordersTextBecomesADot) {
  EXPECT_EQ(printable("a\u202eb\u202cc\u2066d\u2069\u200fe\u2028"), "a.b.c.d..e.");
}

TEST(Printable, BytesThatAreNoUtf8BecomeADotEach) {
  EXPECT_EQ(printable("\x9b\xff\xfe"), "...");
  EXPECT_EQ(printable("\xe3\x82"), "..");            // cut off
  EXPECT_EQ(printable("\xc0\x9b"), "..");            // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "...");       // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "....");  // beyond Unicode
}

}  // namespace
}  // namespace weir::base
