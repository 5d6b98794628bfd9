// The kernel program, case by case, on packets that are handed to it: what random comparisons with
// replay (tests/property) and real networks (tests/integration) do not show.
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "live/datapath.h"
#include "live/kernel.h"
#include "property/frame.h"
#include "vpc/network.h"

namespace weir::live {
namespace {

using vpc::Direction;

constexpr std::uint32_t kDropped = 2;             // TC_ACT_SHOT
constexpr std::uint32_t kPassedOn = 0xffff'ffff;  // TC_ACT_UNSPEC
constexpr std::size_t kEthernet = 14;

/// One interface that may send everything and receive nothing.
vpc::Network one_way_network() {
  const auto everywhere = *base::Prefix::parse("0.0.0.0/0");
  vpc::Network network;
  network.vpcs.push_back({"vpc-1", "123456789012", {*base::Prefix::parse("10.0.0.0/16")}});
  vpc::Subnet subnet;
  subnet.id = "subnet-1";
  subnet.cidrs = {*base::Prefix::parse("10.0.0.0/24")};
  network.subnets.push_back(subnet);
  network.network_acls.push_back({"acl-1", {}, true, {}, {}});
  network.security_groups.push_back({"sg-1", "", {}, {}, {{"1", {}, everywhere, ""}}});
  vpc::NetworkInterface interface;
  interface.id = "eni-1";
  interface.ipv4 = {base::Address::from_ipv4(0x0a00000a)};
  interface.groups = {vpc::SecurityGroupIndex{0}};
  network.interfaces.push_back(interface);
  network.index();
  return network;
}

weir_packet packet_of(std::uint8_t protocol) {
  weir_packet packet{};
  packet.src = packet::to_c(base::Address::from_ipv4(0x0a00000a));
  packet.dst = packet::to_c(base::Address::from_ipv4(0x0a000014));
  packet.srcport = 40000;
  packet.dstport = 443;
  packet.protocol = protocol;
  packet.tcp_bits = protocol == WEIR_TCP ? WEIR_TCP_ACK : 0;
  return packet;
}

class Program : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "loading kernel programs needs root";
    load({.flows = 512, .ipv6_flows = 256, .connections = 256});
  }
  void load(Capacity capacity, Variant variant = {}) {
    auto loaded = Datapath::load(capacity, variant);
    ASSERT_TRUE(loaded) << loaded.error().message();
    datapath.emplace(std::move(*loaded));
  }

  Port add_port(Mode mode, bool has_link_header = true) {
    const auto port = datapath->add_port(mode, has_link_header);
    EXPECT_TRUE(port) << port.error().message();
    return *port;
  }

  void publish() {
    const auto policy = policy::Policy::compile(one_way_network());
    const std::vector<vpc::InterfaceIndex> interfaces(2);
    ASSERT_TRUE(datapath->publish(*policy, interfaces));
  }

  std::uint32_t send(Port port, const std::vector<std::uint8_t>& frame,
                     Segmentation segmentation = {}) {
    const auto run = test_run(datapath->program(port, Direction::egress), frame, 1, segmentation);
    EXPECT_TRUE(run) << run.error().message();
    return run ? run->result : 0;
  }

  /// The first port's egress; `flows` are all.
  PointAccount drain() {
    flows.clear();
    const auto points = datapath->drain(base::UnixMicros{},
                                        [this](const DrainedFlow& flow) { flows.push_back(flow); });
    EXPECT_TRUE(points) << points.error().message();
    for (const auto& point : *points) EXPECT_EQ(point.accounted(), point.seen());
    return (*points)[1];
  }

  std::optional<Datapath> datapath;
  std::vector<DrainedFlow> flows;
};

TEST_F(Program, SegmentsThatNobodyCountedAreCountedByTheirSize) {
  const auto port = add_port(Mode::observe);
  publish();
  // 2,000 bytes of payload in segments of 700: three packets, whose 40 bytes of headers come
  // thrice.
  send(port, property::frame_of(packet_of(WEIR_TCP), {.payload = 2000}),
       {.segments = 0, .size = 700});
  EXPECT_EQ(drain().seen(), 3U);
  ASSERT_EQ(flows.size(), 1U);
  EXPECT_EQ(flows[0].counters.packets, 3U);
  EXPECT_EQ(flows[0].counters.bytes, 3U * 40 + 2004);  // frame_of fills TCP's 20 bytes up to 24
}

/// What comes again with each segment of a packet that carries `payload`, as it is counted.
class Tunnels : public Program {
 protected:
  void SetUp() override {
    Program::SetUp();
    if (IsSkipped()) return;
    port = add_port(Mode::observe);
    publish();
  }

  std::uint64_t repeated(std::uint8_t protocol, std::uint16_t to,
                         const std::vector<std::vector<std::uint8_t>>& payload) {
    weir_packet outer = packet_of(protocol);
    outer.dstport = to;
    auto sent = property::frame_of(outer, {.payload = 3000});
    auto at = sent.begin() + kEthernet + 20 + (protocol == WEIR_UDP ? 8 : 0);
    for (const auto& part : payload) at = std::copy(part.begin(), part.end(), at);
    send(port, sent, {.segments = 3, .size = 700});
    drain();
    EXPECT_EQ(flows.size(), 1U);
    return (flows[0].counters.bytes - (sent.size() - kEthernet)) / 2;
  }

  std::vector<std::uint8_t> frame = property::frame_of(packet_of(WEIR_TCP), {});
  std::vector<std::uint8_t> ip{frame.begin() + kEthernet, frame.end()};
  Port port{};
};

TEST_F(Tunnels, SegmentsRepeatTheHeadersInside) {
  const std::vector<std::uint8_t> vxlan{8, 0, 0, 0, 0, 0, 1, 0};
  EXPECT_EQ(repeated(WEIR_UDP, 4789, {vxlan, frame}), 28U + 8 + 14 + 20 + 20);
  EXPECT_EQ(repeated(WEIR_UDP, 8472, {vxlan, frame}), 28U + 8 + 14 + 20 + 20);
  const auto tagged = property::frame_of(packet_of(WEIR_TCP), {.vlan_tags = 1});
  EXPECT_EQ(repeated(WEIR_UDP, 4789, {vxlan, tagged}), 28U + 8 + 18 + 20 + 20);
  const std::vector<std::uint8_t> geneve{2, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 2, 3, 1, 0, 0, 0, 0};
  EXPECT_EQ(repeated(WEIR_UDP, 6081, {geneve, frame}), 28U + 16 + 14 + 20 + 20);

  EXPECT_EQ(repeated(47, 0, {{0, 0, 8, 0}, ip}), 20U + 4 + 20 + 20);
  // With checksum, key and sequence number.
  const std::vector<std::uint8_t> gre{0xb0, 0, 0x65, 0x58, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2};
  EXPECT_EQ(repeated(47, 0, {gre, frame}), 20U + 16 + 14 + 20 + 20);

  EXPECT_EQ(repeated(4, 0, {ip}), 20U + 20 + 20);
  weir_packet wide = packet_of(WEIR_UDP);
  wide.family = WEIR_IPV6;
  const auto frame6 = property::frame_of(wide, {});
  EXPECT_EQ(repeated(41, 0, {{frame6.begin() + kEthernet, frame6.end()}}), 20U + 40 + 8);
}

TEST_F(Tunnels, WhatIsNoTunnelRepeatsItsOwnHeadersOnly) {
  EXPECT_EQ(repeated(WEIR_UDP, 443, {frame}), 28U);
  EXPECT_EQ(repeated(47, 0, {{0, 0, 8, 0}}), 20U) << "zeros are no IP";
}

TEST_F(Program, HeadersThatAreLongerThanTheirPacketMakeOneSegment) {
  const auto port = add_port(Mode::observe);
  publish();
  auto frame = property::frame_of(packet_of(WEIR_TCP), {});
  frame[kEthernet + 20 + 12] = 0xf0;  // 60 bytes of TCP's header, of which 24 are there
  send(port, frame, {.segments = 0, .size = 10});
  EXPECT_EQ(drain().seen(), 1U);
  ASSERT_EQ(flows.size(), 1U);
  EXPECT_EQ(flows[0].counters.bytes, 20U + 24);
}

TEST_F(Program, PaddingAndVlanTagsAreNotCounted) {
  const auto port = add_port(Mode::observe);
  publish();
  send(port, property::frame_of(packet_of(WEIR_UDP), {.vlan_tags = 2, .is_padded = true}));
  drain();
  ASSERT_EQ(flows.size(), 1U);
  EXPECT_EQ(flows[0].counters.bytes, 20U + 16);
}

TEST_F(Program, ADeviceWithoutLinkHeadersCarriesPlainIp) {
  const auto port = add_port(Mode::observe, false);
  publish();
  auto packet = property::frame_of(packet_of(WEIR_UDP), {.payload = 16});
  packet.erase(packet.begin(), packet.begin() + kEthernet);
  send(port, packet);
  drain();
  ASSERT_EQ(flows.size(), 1U);
  EXPECT_EQ(flows[0].dstport, 443);
}

TEST_F(Program, BeforeAPolicyIsPublishedNothingIsJudgedAndOnlyEnforcingDrops) {
  const auto observing = add_port(Mode::observe);
  const auto enforcing = add_port(Mode::enforce);
  const auto frame = property::frame_of(packet_of(WEIR_UDP), {});
  EXPECT_EQ(send(observing, frame), kPassedOn);
  EXPECT_EQ(send(enforcing, frame), kDropped);
  EXPECT_EQ(drain().counts.of[WEIR_SEEN_UNJUDGED], 1U);
}

TEST_F(Program, WhatIsNotIpPassesAndWhatLiesAboutItsLengthDoesNot) {
  const auto port = add_port(Mode::enforce);
  publish();
  auto arp = property::frame_of(packet_of(WEIR_UDP), {.is_padded = true});
  arp[12] = 0x08;
  arp[13] = 0x06;
  EXPECT_EQ(send(port, arp), kPassedOn);
  auto longer = property::frame_of(packet_of(WEIR_UDP), {});
  longer[kEthernet + 2] = 0xff;
  EXPECT_EQ(send(port, longer), kDropped);
  EXPECT_EQ(send(port, property::frame_of(packet_of(WEIR_UDP), {})), kPassedOn);
  const auto account = drain();
  EXPECT_EQ(account.counts.of[WEIR_SEEN_NOT_IP], 1U);
  EXPECT_EQ(account.counts.of[WEIR_SEEN_MALFORMED], 1U);
  EXPECT_EQ(account.recorded, 1U);
}

TEST_F(Program, AFullTrackingTableIsCountedAndForgetsNoLiveConnection) {
  const auto port = add_port(Mode::observe);
  publish();
  auto packet = packet_of(WEIR_UDP);
  packet.dst = packet::to_c(base::Address::from_ipv4(0xcb007101));
  for (std::uint16_t i = 0; i < 1000; ++i) {
    packet.srcport = static_cast<std::uint16_t>(1024 + i);
    send(port, property::frame_of(packet, {}));
  }
  // 256 places, and the subnet's ACL lets nothing out: nothing was tracked, so nothing was lost.
  EXPECT_EQ(drain().counts.of[WEIR_NOT_TRACKED], 0U);
  packet.dst = packet_of(WEIR_UDP).dst;  // inside the subnet no ACL is asked
  for (std::uint16_t i = 0; i < 1000; ++i) {
    packet.srcport = static_cast<std::uint16_t>(1024 + i);
    send(port, property::frame_of(packet, {}));
  }
  EXPECT_EQ(drain().counts.of[WEIR_NOT_TRACKED], 1000U - 256);
}

TEST_F(Program, WhatTheVerifierDoesNotTakeIsToldAndLeavesNoPort) {
  std::ifstream file(WEIR_REFUSED_OBJECT, std::ios::binary);
  const std::string object{std::istreambuf_iterator<char>(file), {}};
  auto loaded =
      Datapath::load({.flows = 512, .ipv6_flows = 256, .connections = 256},
                     {.object = std::as_bytes(std::span(object)), .program = "weir_refused"});
  ASSERT_TRUE(loaded) << loaded.error().message();
  const auto port = loaded->add_port(Mode::enforce, true);
  ASSERT_FALSE(port);
  EXPECT_NE(port.error().message().find("verifier does not take it: R1 "), std::string::npos)
      << port.error().message();
  const auto points = loaded->drain(base::UnixMicros{}, [](const DrainedFlow&) {});
  ASSERT_TRUE(points) << points.error().message();
  EXPECT_TRUE(points->empty());
}

TEST_F(Program, ConnectionsAreCountedForAsLongAsTheyAreRemembered) {
  load({.flows = 512, .ipv6_flows = 256, .connections = 4096}, {.has_test_clock = true});
  datapath->set_test_clock(1);
  const auto port = add_port(Mode::observe);
  publish();
  auto packet = packet_of(WEIR_UDP);
  for (std::uint16_t i = 0; i < 100; ++i) {
    packet.srcport = static_cast<std::uint16_t>(1024 + i);
    for (int times = 0; times < 2; ++times) send(port, property::frame_of(packet, {}));
  }
  EXPECT_FALSE(datapath->connections()) << "not all has been looked at";
  const auto look_everywhere = [this] {
    for (int part = 0; part < 64; ++part) ASSERT_TRUE(datapath->look_at_connections());
  };
  look_everywhere();
  EXPECT_EQ(datapath->connections(), 100U);
  // UDP without a reply is remembered for 30 s.
  const auto beats = std::chrono::seconds(30) / datapath->beat();
  datapath->set_test_clock(1 + static_cast<std::uint64_t>(beats));
  look_everywhere();
  EXPECT_EQ(datapath->connections(), 100U);
  datapath->set_test_clock(2 + static_cast<std::uint64_t>(beats));
  look_everywhere();
  EXPECT_EQ(datapath->connections(), 0U);
}

/// Which processor the thread runs on, until it goes.
class OnProcessor {
 public:
  explicit OnProcessor(std::size_t number) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(number, &one);
    EXPECT_EQ(sched_getaffinity(0, sizeof(before_), &before_), 0);
    is_there_ = sched_setaffinity(0, sizeof(one), &one) == 0;
  }
  OnProcessor(const OnProcessor&) = delete;
  OnProcessor& operator=(const OnProcessor&) = delete;
  ~OnProcessor() { sched_setaffinity(0, sizeof(before_), &before_); }
  [[nodiscard]] bool is_there() const { return is_there_; }

 private:
  cpu_set_t before_{};
  bool is_there_ = false;
};

TEST_F(Program, AProcessorThatComesOnlineLaterHasABlockAndWhatItHasNoRoomForIsOverflow) {
  constexpr std::uint16_t kFlows = 2000;
  load({.flows = 8192, .ipv6_flows = 256, .connections = 4096},
       {.processors = Processors{.possible = processors()->possible, .online = 1}});
  const auto port = add_port(Mode::observe);
  publish();
  const auto send_all = [&] {
    auto packet = packet_of(WEIR_UDP);
    for (std::uint16_t i = 0; i < kFlows; ++i) {
      packet.srcport = static_cast<std::uint16_t>(1024 + i);
      send(port, property::frame_of(packet, {}));
    }
    return drain();
  };
  {
    const OnProcessor first(0);
    if (!first.is_there()) GTEST_SKIP() << "the tests may not run on processor 0";
    EXPECT_EQ(send_all().recorded, kFlows);
  }
  const OnProcessor later(1);
  if (!later.is_there()) GTEST_SKIP() << "there is no other processor";
  for (const auto half : {"one half", "the other half"}) {
    const auto account = send_all();
    EXPECT_EQ(account.seen(), kFlows) << half;
    EXPECT_EQ(account.recorded + account.overflow(), kFlows) << half;
    EXPECT_EQ(account.recorded, flows.size()) << half;
    EXPECT_LE(account.recorded, WEIR_BLOCK_SLOTS) << half;
    EXPECT_GT(account.recorded, WEIR_BLOCK_SLOTS / 2) << half;
  }
}

TEST_F(Program, RulesThatDoNotFitAreRefused) {
  add_port(Mode::observe);
  vpc::Network network = one_way_network();
  for (int i = 0; i < 3000; ++i) {
    vpc::SecurityGroupRule rule;
    rule.id = std::to_string(i);
    rule.traffic.protocol = WEIR_TCP;
    rule.peer = base::Prefix::host(base::Address::from_ipv4(static_cast<std::uint32_t>(i * 2)));
    network.security_groups[0].ingress.push_back(rule);
  }
  const auto policy = policy::Policy::compile(network);
  ASSERT_TRUE(policy);
  const auto done = datapath->publish(*policy, std::array{vpc::InterfaceIndex{0}});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().what.find("more than the kernel's"), std::string::npos);
}

}  // namespace
}  // namespace weir::live
