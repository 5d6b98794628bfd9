#include "base/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace weir::base {
namespace {

TEST(Address, Ipv4IsWrittenAsDottedQuad) {
  EXPECT_EQ(Address::from_ipv4(0x0a000105).to_string(), "10.0.1.5");
  EXPECT_EQ(Address::parse("10.0.1.5"), Address::from_ipv4(0x0a000105));
}

TEST(Address, Ipv6IsWrittenAsRfc5952Says) {
  // The examples of RFC 5952 sections 2 and 4.
  EXPECT_EQ(Address::parse("2001:DB8:0:0:1:0:0:1")->to_string(), "2001:db8::1:0:0:1");
  EXPECT_EQ(Address::parse("2001:db8:0:1:1:1:1:1")->to_string(), "2001:db8:0:1:1:1:1:1");
  EXPECT_EQ(Address::parse("2001:0db8::0001")->to_string(), "2001:db8::1");
  EXPECT_EQ(Address::parse("::")->to_string(), "::");
}

TEST(Address, NothingButAnAddressIsAnAddress) {
  for (const char* text :
       {"", "10.0.0", "10.0.0.256", "10.0.0.1/8", " 10.0.0.1", "fe80::1%eth0", "1::2::3", "g::"}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
  EXPECT_FALSE(Address::parse(std::string_view("10.0.0.1\0", 9)));
}

TEST(Address, WhatIsWrittenReadsBackAsTheSame) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    Address address{random(), random()};
    if (i % 2 == 0) address = Address::from_ipv4(static_cast<std::uint32_t>(random()));
    if (i % 3 == 0) address.high &= 0xffff'0000'ffff'0000;
    EXPECT_EQ(Address::parse(address.to_string()), address);
  }
}

TEST(Prefix, HostBitsAreClearedAsAwsDoes) {
  EXPECT_EQ(Prefix::parse("100.68.0.18/18")->to_string(), "100.68.0.0/18");
  EXPECT_EQ(Prefix::parse("2001:db8::1/64")->to_string(), "2001:db8::/64");
}

TEST(Prefix, EverythingOfOneFamilyHoldsNothingOfTheOther) {
  Prefix ipv4 = *Prefix::parse("0.0.0.0/0");
  Prefix ipv6 = *Prefix::parse("::/0");
  EXPECT_TRUE(ipv4.contains(*Address::parse("255.1.2.3")));
  EXPECT_FALSE(ipv4.contains(*Address::parse("2001:db8::1")));
  EXPECT_TRUE(ipv6.contains(*Address::parse("2001:db8::1")));
  EXPECT_FALSE(ipv6.contains(*Address::parse("10.0.0.1")));
}

TEST(Prefix, FirstAndLastAreItsEnds) {
  Prefix prefix = *Prefix::parse("10.1.2.0/23");
  EXPECT_EQ(prefix.first().to_string(), "10.1.2.0");
  EXPECT_EQ(prefix.last().to_string(), "10.1.3.255");
  EXPECT_EQ(Prefix::parse("2001:db8::/33")->last().to_string(),
            "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff");
  EXPECT_EQ(Prefix::parse("10.0.0.7/32")->last().to_string(), "10.0.0.7");
}

TEST(Prefix, BadTextIsRefused) {
  for (const char* text : {"", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1",
                           "10.0.0.0/8x", "/8", "::ffff:10.0.0.0/104"}) {
    EXPECT_FALSE(Prefix::parse(text)) << text;
  }
}

}  // namespace
}  // namespace weir::base
