// IP and what it carries: lengths, options, extension headers, fragments, ports, flags.
#include <gtest/gtest.h>

#include <array>

#include "bytes.h"

namespace weir::packet {
namespace {

constexpr unsigned kMoreFragments = 0x2000;
constexpr unsigned kDontFragment = 0x4000;

/// With another byte at that place.
Bytes with(Bytes bytes, std::size_t at, unsigned value) {
  bytes.at(at) = static_cast<std::uint8_t>(value);
  return bytes;
}

weir_packet fields(const Bytes& bytes) {
  const Parsed parsed = parse(bytes, kRaw);
  EXPECT_EQ(parsed.result, ParseResult::parsed) << in_words(parsed);
  return parsed.packet;
}

TEST(Ipv4, OptionsAreSteppedOverAndCounted) {
  EXPECT_EQ(in_words(parse(ipv4(6, tcp(), 0, zeros(40)), kRaw)),
            "10.0.0.1:1000 > 10.0.0.2:443 protocol 6, 80 bytes");
}

TEST(Ipv4, LengthsThatCannotBeAreMalformed) {
  const Bytes good = ipv4(17, udp(4));
  EXPECT_EQ(in_words(parse(with(good, 0, 0x44), kRaw)), "malformed") << "a header of 16 bytes";
  EXPECT_EQ(in_words(parse(with(good, 3, 19), kRaw)), "malformed") << "shorter than its header";
  EXPECT_EQ(in_words(parse(with(good, 3, 33), kRaw)), "malformed") << "longer than the wire";
  EXPECT_EQ(in_words(parse(with(good, 3, 27), kRaw)), "malformed") << "no room for UDP's header";
  EXPECT_EQ(in_words(parse(with(good, 0, 0x4f), kRaw)), "malformed") << "options beyond the end";
}

TEST(Ipv4, ALengthOfZeroIsTheWires) {
  EXPECT_EQ(fields(with(ipv4(17, udp(4)), 3, 0)).bytes, 32U);
}

TEST(Ipv4, DontFragmentIsNoFragment) {
  EXPECT_EQ(fields(ipv4(6, tcp(), kDontFragment)).fragment, WEIR_WHOLE);
  EXPECT_EQ(fields(ipv4(6, tcp(), kDontFragment)).fragment_id, 0U);
}

TEST(Ipv4, OnlyTheFirstFragmentHasPorts) {
  const weir_packet first = fields(ipv4(6, tcp(), kMoreFragments));
  EXPECT_EQ(first.fragment, WEIR_FIRST_FRAGMENT);
  EXPECT_EQ(first.dstport, 443);
  EXPECT_EQ(first.fragment_id, 0xbeefU);
  for (const unsigned later : {kMoreFragments | 1U, 1U, 0x1fffU}) {
    const weir_packet packet = fields(ipv4(6, tcp(), later));
    EXPECT_EQ(packet.fragment, WEIR_LATER_FRAGMENT);
    EXPECT_EQ(packet.srcport | packet.dstport | packet.tcp_bits, 0);
    EXPECT_EQ(packet.fragment_id, 0xbeefU);
    EXPECT_EQ(packet.protocol, WEIR_TCP);
  }
  EXPECT_EQ(fields(ipv4(17, {}, 0x1fff)).bytes, 20U) << "a last one without data";
}

TEST(Ipv4, AFirstFragmentThatCutsTheHeaderOfTcpIsMalformed) {
  EXPECT_EQ(in_words(parse(ipv4(6, zeros(8), kMoreFragments), kRaw)), "malformed") << "RFC 1858";
}

class ExtensionHeader : public testing::TestWithParam<unsigned> {};

TEST_P(ExtensionHeader, IsSteppedOverAndCounted) {
  for (const unsigned more : {0U, 1U, 2U}) {
    const std::string bytes = std::to_string(60 + 8 + 8 * more);
    EXPECT_EQ(in_words(parse(ipv6(GetParam(), join({extension(6, more), tcp()})), kRaw)),
              "2001:db8::1:1000 > 2001:db8::2:443 protocol 6, " + bytes + " bytes");
  }
}

TEST_P(ExtensionHeader, BeyondTheEndIsMalformed) {
  EXPECT_EQ(in_words(parse(ipv6(GetParam(), with(extension(6), 1, 1)), kRaw)), "malformed");
  EXPECT_EQ(in_words(parse(ipv6(GetParam(), zeros(7)), kRaw)), "malformed");
  EXPECT_EQ(in_words(parse(ipv6(GetParam(), extension(6)), kRaw)), "malformed")
      << "no TCP after it";
}

INSTANTIATE_TEST_SUITE_P(HopByHopRoutingDestinationMobilityHipShim6, ExtensionHeader,
                         testing::Values(0U, 43U, 60U, 135U, 139U, 140U));

TEST(Ipv6, EightExtensionHeadersAreReadAndANinthIsMalformed) {
  Bytes headers = join({extension(6), tcp()});
  for (int i = 1; i < 8; ++i) headers = join({extension(60), headers});
  EXPECT_EQ(fields(ipv6(60, headers)).dstport, 443);
  EXPECT_EQ(in_words(parse(ipv6(60, join({extension(60), headers})), kRaw)), "malformed");
}

TEST(Ipv6, WhatFollowsNoExtensionOrIsEncryptedIsItsOwnProtocol) {
  for (const unsigned protocol : {50U, 51U, 59U, 255U}) {  // ESP, AH, no next header, reserved
    EXPECT_EQ(fields(ipv6(protocol, zeros(8))).protocol, protocol);
  }
  EXPECT_EQ(fields(ipv6(60, extension(59))).protocol, 59);
}

Bytes fragment_header(unsigned next, unsigned offset, bool has_more) {
  return join({u8(next), u8(0), u16(offset << 3U | (has_more ? 1U : 0U)), u32(0xcafef00d)});
}

TEST(Ipv6, AFragmentHeaderIsOfEightBytesWhateverItsSecondSays) {
  EXPECT_EQ(fields(ipv6(44, join({with(fragment_header(6, 0, false), 1, 9), tcp()}))).dstport, 443);
}

TEST(Ipv6, AnAtomicFragmentIsWhole) {
  const weir_packet packet = fields(ipv6(44, join({fragment_header(6, 0, false), tcp()})));
  EXPECT_EQ(packet.fragment, WEIR_WHOLE) << "RFC 6946";
  EXPECT_EQ(packet.fragment_id, 0U);
  EXPECT_EQ(packet.dstport, 443);
}

TEST(Ipv6, OnlyTheFirstFragmentHasPorts) {
  const weir_packet first = fields(ipv6(44, join({fragment_header(17, 0, true), udp()})));
  EXPECT_EQ(first.fragment, WEIR_FIRST_FRAGMENT);
  EXPECT_EQ(first.fragment_id, 0xcafef00dU);
  EXPECT_EQ(first.dstport, 53);
  for (const bool has_more : {true, false}) {
    const weir_packet later = fields(ipv6(44, join({fragment_header(17, 1, has_more), udp()})));
    EXPECT_EQ(later.fragment, WEIR_LATER_FRAGMENT);
    EXPECT_EQ(later.fragment_id, 0xcafef00dU);
    EXPECT_EQ(later.protocol, WEIR_UDP);
    EXPECT_EQ(later.srcport | later.dstport, 0);
  }
  // What a later fragment of extension headers begins with is data.
  EXPECT_EQ(fields(ipv6(44, join({fragment_header(60, 1, true), zeros(3)}))).protocol, 60);
}

TEST(Ipv6, ALengthBeyondTheWireIsMalformedAndThatOfAJumbogramTheWires) {
  const Bytes good = ipv6(17, udp());
  EXPECT_EQ(in_words(parse(with(good, 5, 9), kRaw)), "malformed");
  EXPECT_EQ(in_words(parse(with(good, 5, 7), kRaw)), "malformed") << "no room for UDP's header";
  EXPECT_EQ(fields(with(ipv6(0, join({extension(17), udp()})), 5, 0)).bytes, 56U);
  EXPECT_EQ(fields(ipv6(59, {})).bytes, 40U);
}

TEST(Ipv6, AMappedIpv4AddressIsMalformed) {
  const Bytes good = ipv6(17, udp());
  for (const std::size_t address : {8U, 24U}) {
    Bytes bad = good;
    for (std::size_t i = 0; i < 10; ++i) bad.at(address + i) = 0;
    bad.at(address + 10) = bad.at(address + 11) = 0xff;
    EXPECT_EQ(in_words(parse(bad, kRaw)), "malformed");
  }
}

TEST(Transport, PortsAreThoseOfTcpUdpAndSctp) {
  EXPECT_EQ(fields(ipv4(6, tcp())).dstport, 443);
  EXPECT_EQ(fields(ipv4(17, udp())).dstport, 53);
  EXPECT_EQ(fields(ipv4(132, sctp())).dstport, 2905);
  for (const unsigned other : {2U, 4U, 41U, 47U, 50U, 51U, 88U, 89U, 136U, 255U}) {
    const weir_packet packet = fields(ipv4(other, tcp()));
    EXPECT_EQ(packet.protocol, other);
    EXPECT_EQ(packet.srcport | packet.dstport | packet.tcp_bits, 0);
  }
}

TEST(Transport, IcmpHasNoPortsButATypeACodeAndAnEchosIdentifier) {
  for (const unsigned type : {0U, 8U}) {
    const weir_packet echo = fields(ipv4(1, icmp(type, 0)));
    EXPECT_EQ(echo.icmp_type, type);
    EXPECT_EQ(echo.icmp_id, 0x1234);
    EXPECT_EQ(echo.srcport | echo.dstport, 0);
  }
  const weir_packet unreachable = fields(ipv4(1, icmp(3, 4)));
  EXPECT_EQ(unreachable.icmp_type, 3);
  EXPECT_EQ(unreachable.icmp_code, 4);
  EXPECT_EQ(unreachable.icmp_id, 0) << "those bytes are something else there";
  for (const unsigned type : {128U, 129U}) {
    EXPECT_EQ(fields(ipv6(58, icmp(type, 0))).icmp_id, 0x1234);
  }
  EXPECT_EQ(fields(ipv6(58, icmp(8, 0))).icmp_id, 0) << "8 is no echo in ICMPv6";
  EXPECT_EQ(fields(ipv4(1, icmp(128, 0))).icmp_id, 0) << "128 is no echo in ICMP";
}

TEST(Transport, ATcpHeaderOfLessThanFiveWordsIsMalformed) {
  EXPECT_EQ(in_words(parse(ipv4(6, with(tcp(), 12, 0x4f)), kRaw)), "malformed");
}

/// facts/flow-logs.md §1.4, by FIN, SYN, RST and ACK; PSH, URG, ECE and CWR change nothing.
TEST(TcpFlags, OfEachCombinationAreAwss) {
  constexpr int kNone = WEIR_TCP_FLAGS_UNKNOWN;
  constexpr std::array<int, 16> kWithoutAckThenWith = {
      // -, FIN, SYN, SYN FIN, RST, RST FIN, RST SYN, all
      0, 1, 2,  kNone, 4, 5, kNone, kNone,  //
      0, 1, 18, kNone, 4, 5, kNone, kNone,
  };
  for (unsigned bits = 0; bits < 256; ++bits) {
    const weir_packet packet = fields(ipv4(6, tcp(bits)));
    EXPECT_EQ(packet.tcp_bits, bits);
    const unsigned row = (bits & 7U) | (bits & 16U) >> 1U;
    EXPECT_EQ(weir_tcp_flags(packet.tcp_bits), kWithoutAckThenWith.at(row)) << bits;
  }
}

}  // namespace
}  // namespace weir::packet
