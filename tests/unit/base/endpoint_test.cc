#include "base/endpoint.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

TEST(Endpoint, IsAnAddressAndAPort) {
  for (const char* text : {"127.0.0.1:9464", "[::1]:1", "[2001:db8::1]:65535", "0.0.0.0:80"}) {
    const auto endpoint = Endpoint::parse(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(endpoint->to_string(), text);
  }
  EXPECT_EQ(Endpoint::parse("127.0.0.1:9464"),
            (Endpoint{Address::from_ipv4(0x7f00'0001), std::uint16_t{9464}}));
}

TEST(Endpoint, NothingElseIsOne) {
  for (const char* text :
       {"", ":", "127.0.0.1", "127.0.0.1:", ":9464", "localhost:9464", "127.0.0.1:0",
        "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1:9464 ", "::1:9464", "[::1]", "[::1:9464",
        "[127.0.0.1]:9464", "[]:1", "[:1", "127.0.0.1:1:2"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
}

TEST(Endpoint, OnlyThisHostReachesLoopback) {
  for (const char* text : {"127.0.0.1:1", "127.255.255.254:1", "[::1]:1"}) {
    EXPECT_TRUE(Endpoint::parse(text)->is_loopback()) << text;
  }
  for (const char* text :
       {"0.0.0.0:1", "128.0.0.1:1", "126.255.255.255:1", "10.0.0.1:1", "[::]:1", "[::2]:1"}) {
    EXPECT_FALSE(Endpoint::parse(text)->is_loopback()) << text;
  }
}

}  // namespace
}  // namespace weir::base
