#include "base/nearest.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace weir::base {
namespace {

constexpr std::array<std::string_view, 3> kKnown = {"srcaddr", "dstaddr", "tcp-flags"};

TEST(Nearest, ALetterTooFewTooManyOrAnother) {
  EXPECT_EQ(nearest("srcadr", kKnown), "srcaddr");
  EXPECT_EQ(nearest("srccaddr", kKnown), "srcaddr");
  EXPECT_EQ(nearest("tcp_flags", kKnown), "tcp-flags");
}

TEST(Nearest, OfTwoThatAreAsNearItIsTheFirst) {
  EXPECT_EQ(nearest("xxxaddr", kKnown), "srcaddr");
}

TEST(Nearest, WhatIsLikeNoneHasNone) {
  EXPECT_EQ(nearest("", kKnown), std::nullopt);
  EXPECT_EQ(nearest("bytes", kKnown), std::nullopt);
  EXPECT_EQ(nearest(std::string(100'000, 's'), kKnown), std::nullopt);
}

}  // namespace
}  // namespace weir::base
