// Every link layer that captures come in, around the same packet.
#include <gtest/gtest.h>

#include "bytes.h"

namespace weir::packet {
namespace {

constexpr unsigned kVlan = 0x8100;
constexpr unsigned kProviderVlan = 0x88a8;  // IEEE 802.1ad
constexpr unsigned kOldQinq = 0x9100;
constexpr unsigned kTypeIpv4 = 0x0800;
constexpr unsigned kTypeIpv6 = 0x86dd;

Bytes tag(unsigned type_after, const Bytes& payload) {
  return join({u16(100), u16(type_after), payload});
}

const Bytes kIpv4 = ipv4(6, tcp());
const Bytes kIpv6 = ipv6(6, tcp());

TEST(LinkLayer, EthernetTellsIpByItsTypeAndCountsNoneOfItsOwnBytes) {
  EXPECT_EQ(in_words(parse(ethernet(kTypeIpv4, kIpv4), kEthernet)), kTcp4);
  EXPECT_EQ(in_words(parse(ethernet(kTypeIpv6, kIpv6), kEthernet)), kTcp6);
}

TEST(LinkLayer, WhatIsNoIpIsTold) {
  EXPECT_EQ(in_words(parse(ethernet(0x0806, zeros(28)), kEthernet)), "not IP") << "ARP";
  EXPECT_EQ(in_words(parse(ethernet(0x88cc, zeros(60)), kEthernet)), "not IP") << "LLDP";
  EXPECT_EQ(in_words(parse(ethernet(0x0026, zeros(38)), kEthernet)), "not IP") << "802.3 with LLC";
  EXPECT_EQ(in_words(parse(join({u32(7), kIpv4}), kNull)), "not IP") << "another address family";
}

TEST(LinkLayer, ATypeThatContradictsTheVersionIsMalformed) {
  EXPECT_EQ(in_words(parse(ethernet(kTypeIpv4, kIpv6), kEthernet)), "malformed");
  EXPECT_EQ(in_words(parse(ethernet(kTypeIpv6, kIpv4), kEthernet)), "malformed");
  EXPECT_EQ(in_words(parse(ethernet(kTypeIpv4, zeros(40)), kEthernet)), "malformed");
}

TEST(LinkLayer, EthernetsPaddingIsNotCounted) {
  EXPECT_EQ(in_words(parse(ethernet(kTypeIpv4, join({kIpv4, zeros(6)})), kEthernet)), kTcp4);
  EXPECT_EQ(in_words(parse(ethernet(kTypeIpv6, join({kIpv6, zeros(4)})), kEthernet)), kTcp6);
}

TEST(LinkLayer, UpToFourVlanTagsAreSteppedOver) {
  EXPECT_EQ(in_words(parse(ethernet(kVlan, tag(kTypeIpv4, kIpv4)), kEthernet)), kTcp4);
  for (const unsigned outer : {kProviderVlan, kOldQinq, kVlan}) {
    EXPECT_EQ(in_words(parse(ethernet(outer, tag(kVlan, tag(kTypeIpv6, kIpv6))), kEthernet)),
              kTcp6);
  }
  Bytes tagged = tag(kTypeIpv4, kIpv4);
  for (int i = 0; i < 3; ++i) tagged = tag(kVlan, tagged);
  EXPECT_EQ(in_words(parse(ethernet(kVlan, tagged), kEthernet)), kTcp4);
  EXPECT_EQ(in_words(parse(ethernet(kVlan, tag(kVlan, tagged)), kEthernet)), "not IP");
  EXPECT_EQ(in_words(parse(ethernet(kVlan, tag(0x0806, zeros(28))), kEthernet)), "not IP");
}

TEST(LinkLayer, RawIpIsToldByItsVersion) {
  for (const Link link : {kRaw, kRawBsd, kRawOpenBsd, kIpv4Only}) {
    EXPECT_EQ(in_words(parse(kIpv4, link)), kTcp4) << link;
  }
  for (const Link link : {kRaw, kRawBsd, kRawOpenBsd, kIpv6Only}) {
    EXPECT_EQ(in_words(parse(kIpv6, link)), kTcp6) << link;
  }
  EXPECT_EQ(in_words(parse(u8(0x50), kRaw)), "malformed") << "version 5";
}

TEST(LinkLayer, LinuxCookedHasItsTypeLastAndItsSecondVersionFirst) {
  EXPECT_EQ(in_words(parse(join({zeros(14), u16(kTypeIpv4), kIpv4}), kCooked)), kTcp4);
  EXPECT_EQ(in_words(parse(join({zeros(14), u16(kVlan), tag(kTypeIpv6, kIpv6)}), kCooked)), kTcp6);
  EXPECT_EQ(in_words(parse(join({u16(kTypeIpv4), zeros(18), kIpv4}), kCooked2)), kTcp4);
  EXPECT_EQ(in_words(parse(join({u16(kTypeIpv6), zeros(18), kIpv6}), kCooked2)), kTcp6);
  EXPECT_EQ(in_words(parse(join({u16(0x0806), zeros(18), zeros(28)}), kCooked2)), "not IP");
}

TEST(LinkLayer, BsdNullHasTheFamilyInEitherByteOrder) {
  for (const Link link : {kNull, kLoop}) {
    EXPECT_EQ(in_words(parse(join({u32(2), kIpv4}), link)), kTcp4);
    EXPECT_EQ(in_words(parse(join({Bytes{2, 0, 0, 0}, kIpv4}), link)), kTcp4);
    for (const unsigned family : {10U, 24U, 28U, 30U}) {  // of Linux, NetBSD, FreeBSD, macOS
      EXPECT_EQ(in_words(parse(join({u32(family), kIpv6}), link)), kTcp6);
      EXPECT_EQ(in_words(parse(join({u8(family), zeros(3), kIpv6}), link)), kTcp6);
    }
  }
}

TEST(LinkLayer, AnotherLinkTypeIsNotGuessedAt) {
  EXPECT_EQ(in_words(parse(ethernet(kTypeIpv4, kIpv4), 147)), "unknown link");
}

TEST(LinkLayer, NoByteAtAllIsMalformedUnlessTheCaptureKeptNone) {
  for (const Link link : {kNull, kEthernet, kRaw, kLoop, kCooked, kCooked2}) {
    EXPECT_EQ(in_words(parse({}, link)), "malformed") << link;
    EXPECT_EQ(in_words(parse({}, link, 60)), "truncated") << link;
  }
}

/// A whole frame, and how many of its bytes have to be there.
struct Frame {
  const char* name;
  Link link;
  Bytes bytes;
  std::size_t needed;
};

class Cut : public testing::TestWithParam<Frame> {};

TEST_P(Cut, IsTruncatedWhereTheCaptureKeptTooLittleAndMalformedWhereTheWireHadNoMore) {
  const Frame& frame = GetParam();
  const Parsed whole = parse(frame.bytes, frame.link);
  ASSERT_EQ(whole.result, ParseResult::parsed) << in_words(whole);
  for (std::size_t kept = 0; kept < frame.bytes.size(); ++kept) {
    const Bytes front(frame.bytes.begin(), frame.bytes.begin() + static_cast<std::ptrdiff_t>(kept));
    const Parsed captured = parse(front, frame.link, frame.bytes.size());
    EXPECT_EQ(in_words(captured), kept < frame.needed ? "truncated" : in_words(whole)) << kept;
    if (kept >= frame.needed) {
      EXPECT_EQ(captured.packet.tcp_bits, whole.packet.tcp_bits) << kept;
      EXPECT_EQ(captured.packet.icmp_id, whole.packet.icmp_id) << kept;
    }
    EXPECT_EQ(in_words(parse(front, frame.link)), "malformed") << kept;
  }
}

INSTANTIATE_TEST_SUITE_P(
    AtEachByte, Cut,
    testing::Values(Frame{"TcpByIpv4", kEthernet, ethernet(kTypeIpv4, kIpv4), 14 + 20 + 14},
                    Frame{"TcpByIpv6", kEthernet, ethernet(kTypeIpv6, kIpv6), 14 + 40 + 14},
                    Frame{"TcpAfterOptions", kRaw, ipv4(6, tcp(), 0, zeros(12)), 32 + 14},
                    Frame{"TcpAfterExtensions", kRaw,
                          ipv6(0, join({extension(60, 1), extension(6), tcp()})), 40 + 16 + 8 + 14},
                    Frame{"TaggedUdp", kEthernet, ethernet(kVlan, tag(kTypeIpv4, ipv4(17, udp(3)))),
                          14 + 4 + 20 + 4},
                    Frame{"Sctp", kCooked, join({zeros(14), u16(kTypeIpv4), ipv4(132, sctp())}),
                          16 + 20 + 4},
                    Frame{"Echo", kCooked2, join({u16(kTypeIpv4), zeros(18), ipv4(1, icmp(8, 0))}),
                          20 + 20 + 6},
                    Frame{"Unreachable", kNull, join({u32(2), ipv4(1, icmp(3, 4))}), 4 + 20 + 4},
                    Frame{"Icmpv6Echo", kLoop, join({u32(30), ipv6(58, icmp(128, 0))}), 4 + 40 + 6},
                    Frame{"Gre", kIpv4Only, ipv4(47, zeros(8)), 20}),
    [](const auto& frame) { return frame.param.name; });

}  // namespace
}  // namespace weir::packet
