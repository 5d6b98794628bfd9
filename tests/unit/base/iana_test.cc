#include "base/iana.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace weir::base {
namespace {

TEST(Iana, NumbersAreInOrderAndHaveOneName) {
  for (const auto names : {protocol_names(), port_names()}) {
    for (std::size_t i = 1; i < names.size(); ++i) {
      EXPECT_LT(names[i - 1].number, names[i].number);
    }
  }
}

TEST(Iana, WhatHasNoNameIsEmpty) {
  EXPECT_EQ(protocol_name(6), "TCP");
  EXPECT_EQ(port_name(443), "https");
  EXPECT_EQ(protocol_name(253), "");
  EXPECT_EQ(port_name(40000), "");
}

/// Names of the system, which come from IANA too. Others of its names are aliases.
TEST(Iana, ProtocolsAreThoseOfTheSystem) {
  std::ifstream file("/etc/protocols");
  if (!file) GTEST_SKIP() << "/etc/protocols is not there";
  std::map<std::uint32_t, std::string> aliases;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string name;
    std::uint32_t number = 0;
    std::string alias;
    if (words >> name >> number >> alias) aliases[number] = alias;
  }
  for (const auto& [number, name] : protocol_names()) {
    // "IP-ENCAP" and "IPv6-ICMP" there, and nobody calls them so.
    constexpr std::uint32_t kIpInIp = 4;
    constexpr std::uint32_t kIcmpv6 = 58;
    if (number == kIpInIp || number == kIcmpv6 || !aliases.contains(number)) continue;
    EXPECT_NE(aliases.at(number).find(name), std::string::npos) << number;  // "IPSEC-AH"
  }
}

}  // namespace
}  // namespace weir::base
