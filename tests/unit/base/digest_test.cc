#include "base/digest.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

// FIPS 180-4's example.
constexpr std::string_view kAbc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Digest, IsSha256AndStartsAnew) {
  Digest digest;
  digest.add(std::string_view("a"));
  digest.add(std::string_view("bc"));
  EXPECT_EQ(digest.take_hex(), kAbc);
  digest.add(std::string_view("abc"));
  EXPECT_EQ(digest.take_hex(), kAbc);
}

TEST(Sha256OfHex, IsTheWayBack) {
  Digest digest;
  digest.add(std::string_view("abc"));
  EXPECT_EQ(sha256_of_hex(kAbc), digest.take());
  const std::string hash(kAbc);
  for (const std::string& wrong :
       {hash.substr(1), hash + "0", "g" + hash.substr(1), std::string()}) {
    EXPECT_EQ(sha256_of_hex(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace weir::base
