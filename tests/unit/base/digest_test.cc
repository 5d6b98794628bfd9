#include "base/digest.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

TEST(Digest, IsSha256AndStartsAnew) {
  // FIPS 180-4's example.
  constexpr std::string_view kAbc =
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  Digest digest;
  digest.add(std::string_view("a"));
  digest.add(std::string_view("bc"));
  EXPECT_EQ(digest.take_hex(), kAbc);
  digest.add(std::string_view("abc"));
  EXPECT_EQ(digest.take_hex(), kAbc);
}

}  // namespace
}  // namespace weir::base
