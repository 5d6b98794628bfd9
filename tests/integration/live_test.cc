// Real packets over veth pairs, recorded by the kernel: each is accounted for, rules are kept, and
// nothing stays behind.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "integration/live_network.h"
#include "live/datapath.h"
#include "live/hook.h"
#include "property/frame.h"

namespace weir::live {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using vpc::Direction;

/// 10.0.0.10, whose packets are recorded, and 10.0.0.20, which is in another subnet by the
/// description, on a veth pair.
class Live : public Hosts {
 protected:
  void SetUp() override {
    Hosts::SetUp();
    if (!IsSkipped()) connect("eth0", kOwner, kPeer);
  }

  void load(Mode mode, const vpc::Network& network,
            Capacity capacity = {.flows = 4096, .ipv6_flows = 512, .connections = 8192}) {
    auto loaded = Datapath::load(capacity);
    ASSERT_TRUE(loaded) << loaded.error().message();
    datapath.emplace(std::move(*loaded));
    const auto added = datapath->add_port(mode, true);
    ASSERT_TRUE(added) << added.error().message();
    port = *added;
    publish(network);
  }

  void publish(const vpc::Network& network) {
    auto compiled = policy::Policy::compile(network, policy ? &*policy : nullptr);
    ASSERT_TRUE(compiled) << compiled.error().message();
    policy.emplace(std::move(*compiled));
    const std::array interfaces{vpc::InterfaceIndex{0}};
    const auto done = datapath->publish(*policy, interfaces);
    ASSERT_TRUE(done) << done.error().message();
  }

  [[nodiscard]] int program(Direction direction) const {
    return datapath->program(port, direction);
  }

  void attach(Attachment attachment = Attachment::any) {
    auto attached = Hook::attach({program(Direction::ingress), program(Direction::egress)},
                                 {"eth0", owner->name()}, attachment);
    ASSERT_TRUE(attached) << attached.error().message();
    hook.emplace(std::move(*attached));
  }

  /// Each packet is accounted for at each point.
  std::vector<PointAccount> drain() {
    flows.clear();
    parts = 0;
    const auto points = datapath->drain(now(), [this](const DrainedFlow& flow) { keep(flow); });
    EXPECT_TRUE(points) << points.error().message();
    for (const auto& point : *points) EXPECT_EQ(point.accounted(), point.seen());
    return *points;
  }

  /// Each processor has its own part of a flow; here they are one.
  void keep(const DrainedFlow& part) {
    const auto identity = [](const DrainedFlow& flow) {
      return std::tuple(flow.port, flow.direction, flow.src, flow.dst, flow.srcport, flow.dstport,
                        flow.protocol, flow.counters.accept, flow.counters.cause,
                        flow.counters.group_rule, flow.counters.acl_rule);
    };
    ++parts;
    const auto same = std::find_if(flows.begin(), flows.end(), [&](const DrainedFlow& flow) {
      return identity(flow) == identity(part);
    });
    if (same == flows.end()) return flows.push_back(part);
    same->first = std::min(same->first, part.first);
    same->last = std::max(same->last, part.last);
    same->counters.add(part.counters);
  }

  /// "ingress ACCEPT sg-1:ingress:1", of the flows to or from a port.
  std::vector<std::string> verdicts(std::uint16_t of_port) const {
    std::vector<std::string> out;
    for (const auto& flow : flows) {
      if (flow.srcport != of_port && flow.dstport != of_port) continue;
      out.push_back(std::string(to_string(flow.direction)) +
                    (flow.counters.accept != 0 ? " ACCEPT " : " REJECT ") +
                    std::string(policy->rule_name(flow.counters.group_rule)));
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  std::optional<Datapath> datapath;
  Port port{};
  std::optional<policy::Policy> policy;
  std::optional<Hook> hook;
  std::vector<DrainedFlow> flows;
  std::size_t parts = 0;  ///< of them, as they were drained
};

TEST_F(Live, APingIsRecordedInBothDirections) {
  load(Mode::observe, network_with("", kEverything));
  attach();
  const auto before = now();
  owner->run("ping -c 3 -i 0.01 " + std::string(kPeer));
  drain();
  ASSERT_EQ(flows.size(), 2U);
  for (const auto& flow : flows) {
    const bool is_out = flow.direction == Direction::egress;
    EXPECT_EQ((is_out ? flow.src : flow.dst).to_string(), kOwner);
    EXPECT_EQ(flow.counters.packets, 3U);
    EXPECT_EQ(flow.counters.bytes, 3U * 84);
    EXPECT_EQ(flow.counters.accept, 1);
    EXPECT_EQ(policy->rule_name(flow.counters.acl_rule),
              is_out ? "acl-1:egress:100" : "acl-1:ingress:100");
    EXPECT_EQ(policy->rule_name(flow.counters.group_rule), is_out ? "sg-1:egress:1" : "tracked");
    EXPECT_GE(flow.first, before - std::chrono::milliseconds(20));  // two ticks of its clock
    EXPECT_GE(flow.last, flow.first);
    EXPECT_LE(flow.last, now());
  }
}

TEST_F(Live, TheHostsEndOfAVethPairSeesTheDirectionsTurnedRound) {
  load(Mode::observe, network_with("", kEverything));
  auto attached = Hook::attach(
      {.of_received = program(Direction::egress), .of_sent = program(Direction::ingress)},
      {"eth0", peer->name()});
  ASSERT_TRUE(attached) << attached.error().message();
  owner->run("ping -c 2 -i 0.01 " + std::string(kPeer));
  drain();
  ASSERT_EQ(flows.size(), 2U);
  for (const auto& flow : flows) {
    EXPECT_EQ((flow.direction == Direction::egress ? flow.src : flow.dst).to_string(), kOwner);
    EXPECT_EQ(flow.counters.accept, 1);
  }
}

TEST_F(Live, EachProcessorHandsOverItsOwnPartOfAFlow) {
  cpu_set_t ours;
  CPU_ZERO(&ours);
  ASSERT_EQ(sched_getaffinity(0, sizeof(ours), &ours), 0);
  if (CPU_COUNT(&ours) < 2) GTEST_SKIP() << "there is one processor for this";
  load(Mode::observe, network_with("", kEverything));
  attach();
  const auto socket = owner->socket(SOCK_DGRAM);
  const sockaddr_in to = endpoint(kPeer, 5000);  // not connected, or the answer would be an error
  std::size_t processor = 0;
  for (int i = 0; i < 2; ++i, ++processor) {
    while (!CPU_ISSET(processor, &ours)) ++processor;
    std::thread([&] {
      cpu_set_t only;
      CPU_ZERO(&only);
      CPU_SET(processor, &only);
      ASSERT_EQ(sched_setaffinity(0, sizeof(only), &only), 0);
      ASSERT_EQ(sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
                1);
    }).join();
  }
  drain();
  const auto sent = std::find_if(flows.begin(), flows.end(),
                                 [](const DrainedFlow& flow) { return flow.dstport == 5000; });
  ASSERT_NE(sent, flows.end());
  EXPECT_EQ(sent->counters.packets, 2U);
  EXPECT_GT(parts, flows.size());
}

TEST_F(Live, EveryDatagramOfAFloodIsCounted) {
  constexpr std::uint64_t kDatagrams = 200'000;
  load(Mode::observe, network_with(udp(5000, "10.0.0.20/32"), ""));
  attach();
  const auto received = owner->statistic("rx_packets");
  const auto socket = peer->socket(SOCK_DGRAM);
  std::uint64_t recorded = 0;
  std::uint64_t bytes = 0;
  std::uint64_t seen = 0;
  const auto take = [&] {
    for (const auto& point : drain()) {
      if (point.direction == Direction::ingress) seen += point.seen();
    }
    for (const auto& flow : flows) {
      if (flow.dstport != 5000) continue;
      recorded += flow.counters.packets;
      bytes += flow.counters.bytes;
    }
  };
  for (std::uint64_t i = 0; i < kDatagrams; ++i) {
    ASSERT_TRUE(send_to(socket, endpoint(kOwner, 5000), 100));
    if (i % 20'000 == 0) take();  // while it goes on
  }
  // A veth's packets wait for the receiver's processor; those that find no room there are dropped.
  EXPECT_EQ(peer->statistic("tx_packets") + peer->statistic("tx_dropped"), kDatagrams);
  const std::uint64_t arrived = owner->statistic("rx_packets") - received;
  EXPECT_TRUE(eventually([&] {
    take();
    return seen >= arrived;
  }));
  EXPECT_EQ(seen, arrived);
  EXPECT_EQ(recorded, arrived);
  EXPECT_EQ(bytes, arrived * 128);
}

TEST_F(Live, SegmentsAreCountedAsTheyAreOnTheWire) {
  constexpr std::size_t kBytes = 32U << 20U;
  load(Mode::observe, network_with("", kEverything));
  attach();
  const auto sent_whole = owner->statistic("tx_packets");
  const auto server = peer->socket(SOCK_STREAM);
  ASSERT_EQ(bind_to(server, endpoint(kPeer, 7000)), 0);
  ASSERT_EQ(listen(server.get(), 1), 0);
  std::thread reader([&] {
    const base::Descriptor connection(accept(server.get(), nullptr, nullptr));
    std::vector<char> buffer(1U << 18U);
    while (read(connection.get(), buffer.data(), buffer.size()) > 0) {
    }
  });
  tcp_info info{};
  {
    const auto client = owner->socket(SOCK_STREAM);
    EXPECT_EQ(connect_to(client, endpoint(kPeer, 7000)), 0);
    const std::vector<char> data(1U << 18U);
    for (std::size_t sent = 0; sent < kBytes;) {
      const auto now_sent =
          send(client.get(), data.data(), std::min(data.size(), kBytes - sent), MSG_NOSIGNAL);
      if (now_sent <= 0) break;
      sent += static_cast<std::size_t>(now_sent);
    }
    shutdown(client.get(), SHUT_WR);
    std::array<char, 1> end{};
    EXPECT_EQ(read(client.get(), end.data(), 1), 0);  // the reader has read all, and closed
    socklen_t size = sizeof(info);
    EXPECT_EQ(getsockopt(client.get(), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
  }
  reader.join();
  drain();
  std::uint64_t packets_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t bytes_out = 0;
  for (const auto& flow : flows) {
    (flow.direction == Direction::egress ? packets_out : packets_in) += flow.counters.packets;
    if (flow.direction == Direction::egress) bytes_out += flow.counters.bytes;
  }
  // As TCP itself counts them; with headers of 52 bytes, but for the SYN's 60.
  EXPECT_EQ(packets_out, info.tcpi_segs_out);
  EXPECT_EQ(packets_in, info.tcpi_segs_in);
  EXPECT_EQ(bytes_out, info.tcpi_bytes_sent + 52 * packets_out + 8);
  EXPECT_GT(packets_out, 4 * (owner->statistic("tx_packets") - sent_whole)) << "nothing was cut";
}

/// Sends a frame in such a way that the kernel has no more than its Ethernet header at hand: the
/// rest lies in the sender's own pages.
void send_from_pages(const base::Descriptor& socket, const std::vector<std::uint8_t>& frame) {
  constexpr int kVersion = TPACKET_V2;
  constexpr tpacket_req kOneFrame{4096, 1, 4096, 1};
  ASSERT_EQ(setsockopt(socket.get(), SOL_PACKET, PACKET_VERSION, &kVersion, sizeof(kVersion)), 0);
  ASSERT_EQ(setsockopt(socket.get(), SOL_PACKET, PACKET_TX_RING, &kOneFrame, sizeof(kOneFrame)), 0);
  ifreq device{{"eth0"}, {}};
  ASSERT_EQ(ioctl(socket.get(), SIOCGIFINDEX, &device), 0);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(0x0800);
  address.sll_ifindex = device.ifr_ifindex;
  ASSERT_EQ(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  auto ring = MappedMemory<std::uint8_t>::map(socket.get(), kOneFrame.tp_frame_size, "a ring");
  ASSERT_TRUE(ring) << ring.error().message();
  static_assert(sizeof(tpacket2_hdr) % TPACKET_ALIGNMENT == 0);
  auto* header = reinterpret_cast<tpacket2_hdr*>(ring->get().data());
  std::copy(frame.begin(), frame.end(), ring->get().data() + sizeof(tpacket2_hdr));
  header->tp_len = static_cast<std::uint32_t>(frame.size());
  header->tp_status = TP_STATUS_SEND_REQUEST;
  ASSERT_EQ(send(socket.get(), nullptr, 0, 0), static_cast<ssize_t>(frame.size()));
}

TEST_F(Live, HeadersThatLieInOtherPagesAreRead) {
  load(Mode::observe, network_with("", kEverything));
  attach();
  weir_packet packet{};
  packet.src = packet::to_c(*base::Address::parse(kOwner));
  packet.dst = packet::to_c(*base::Address::parse(kPeer));
  packet.protocol = WEIR_UDP;
  packet.srcport = 4000;
  packet.dstport = 5000;
  send_from_pages(owner->socket(SOCK_RAW, AF_PACKET), property::frame_of(packet, {.payload = 800}));
  const auto points = drain();
  EXPECT_EQ(points[1].counts.of[WEIR_SEEN_TRUNCATED], 0U);
  EXPECT_THAT(verdicts(5000), testing::Contains("egress ACCEPT sg-1:egress:1"));
}

TEST_F(Live, WhatTheTableCannotHoldIsCountedAsOverflow) {
  constexpr std::uint64_t kFlows = 20'000;
  load(Mode::observe, network_with(kEverything, kEverything),
       {.flows = 1024 * std::size_t{processors()->online}, .ipv6_flows = 512, .connections = 512});
  attach();
  const auto received = owner->statistic("rx_packets");
  const auto socket = peer->socket(SOCK_DGRAM);
  for (std::uint64_t i = 0; i < kFlows; ++i) {
    ASSERT_TRUE(send_to(socket, endpoint(kOwner, static_cast<std::uint16_t>(1024 + i)), 10));
  }
  // A veth counts what it has got before the receiver's processor sees it.
  std::uint64_t seen = 0;
  std::uint64_t recorded = 0;
  std::uint64_t overflow = 0;
  ASSERT_TRUE(eventually([&] {
    const auto ingress = drain().front();
    EXPECT_EQ(ingress.direction, Direction::ingress);
    EXPECT_EQ(ingress.recorded + ingress.overflow() + ingress.counts.of[WEIR_SEEN_NOT_IP],
              ingress.seen());
    EXPECT_EQ(ingress.counts.of[WEIR_OVERFLOW_REJECT], 0U) << "judged all the same";
    seen += ingress.seen();
    recorded += ingress.recorded;
    overflow += ingress.overflow();
    return seen >= owner->statistic("rx_packets") - received;
  }));
  EXPECT_EQ(seen, owner->statistic("rx_packets") - received);
  EXPECT_GE(recorded, 1024U * 3 / 4);
  EXPECT_GT(overflow, 0U);
}

TEST_F(Live, EnforcingKeepsOutWhatTheRulesReject) {
  load(Mode::enforce, network_with(udp(5000, "10.0.0.20/32"), ""));
  attach();
  const auto allowed = owner->socket(SOCK_DGRAM);
  const auto refused = owner->socket(SOCK_DGRAM);
  ASSERT_EQ(bind_to(allowed, endpoint(kOwner, 5000)), 0);
  ASSERT_EQ(bind_to(refused, endpoint(kOwner, 5001)), 0);
  const auto sender = peer->socket(SOCK_DGRAM);
  ASSERT_EQ(bind_to(sender, endpoint(kPeer, 6000)), 0);
  // Refused ones first: once the last one has arrived, they would have too.
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(send_to(sender, endpoint(kOwner, 5001), 10));
  ASSERT_TRUE(send_to(sender, endpoint(kOwner, 5000), 10));
  std::array<char, 16> buffer{};
  EXPECT_EQ(recv(allowed.get(), buffer.data(), buffer.size(), 0), 10);
  EXPECT_EQ(recv(refused.get(), buffer.data(), buffer.size(), MSG_DONTWAIT), -1);
  // The reply goes out although no rule lets anything out; a connection of the owner's own does
  // not.
  ASSERT_TRUE(send_to(allowed, endpoint(kPeer, 6000), 10));
  EXPECT_EQ(recv(sender.get(), buffer.data(), buffer.size(), 0), 10);
  EXPECT_NE(status_of("ip netns exec " + owner->name() + " ping -c 1 -W 0.2 " + kPeer), 0);
  drain();
  EXPECT_THAT(verdicts(5000),
              testing::ElementsAre("egress ACCEPT tracked", "ingress ACCEPT sg-1:ingress:1"));
  EXPECT_THAT(verdicts(5001), testing::ElementsAre("ingress REJECT sg-1:ingress:*"));
}

TEST_F(Live, ObservingLetsThroughWhatTheRulesReject) {
  load(Mode::observe, network_with("", ""));
  attach();
  const auto receiver = owner->socket(SOCK_DGRAM);
  ASSERT_EQ(bind_to(receiver, endpoint(kOwner, 5001)), 0);
  ASSERT_TRUE(send_to(peer->socket(SOCK_DGRAM), endpoint(kOwner, 5001), 10));
  std::array<char, 16> buffer{};
  EXPECT_EQ(recv(receiver.get(), buffer.data(), buffer.size(), 0), 10);
  drain();
  EXPECT_THAT(verdicts(5001), testing::ElementsAre("ingress REJECT sg-1:ingress:*"));
}

TEST_F(Live, TrackedConnectionsSurviveAChangeOfRulesAndUntrackedOnesBreak) {
  // 5000 only for the peer: tracked. 5001 for everyone, and everyone may be answered: not tracked.
  load(Mode::enforce,
       network_with(udp(5000, "10.0.0.20/32") + "," + udp(5001, "0.0.0.0/0"), kEverything));
  attach();
  const auto sender = peer->socket(SOCK_DGRAM);
  ASSERT_EQ(bind_to(sender, endpoint(kPeer, 6000)), 0);
  const auto another = peer->socket(SOCK_DGRAM);
  ASSERT_EQ(bind_to(another, endpoint(kPeer, 6001)), 0);
  const auto send = [&](const base::Descriptor& from, std::uint16_t to) {
    ASSERT_TRUE(send_to(from, endpoint(kOwner, to), 10));
  };
  // A veth's packets wait for the receiver's processor.
  const auto drain_until_seen = [&](std::uint64_t sent) {
    std::vector<DrainedFlow> drained;
    std::uint64_t seen = 0;
    ASSERT_TRUE(eventually([&] {
      seen += drain().front().seen();
      drained.insert(drained.end(), flows.begin(), flows.end());
      return seen >= sent;
    }));
    flows = std::move(drained);
  };
  send(sender, 5000);
  send(sender, 5001);
  drain_until_seen(2);
  EXPECT_THAT(verdicts(5000), testing::Contains("ingress ACCEPT sg-1:ingress:1"));
  EXPECT_THAT(verdicts(5001), testing::Contains("ingress ACCEPT sg-1:ingress:2"));

  publish(network_with("", kEverything));
  send(sender, 5000);
  send(sender, 5001);
  send(another, 5000);
  drain_until_seen(3);
  std::vector<std::string> of_sender;
  for (const auto& flow : flows) {
    if (flow.direction != Direction::ingress || flow.protocol != WEIR_UDP) continue;
    of_sender.push_back(std::to_string(flow.srcport) + " to " + std::to_string(flow.dstport) +
                        (flow.counters.accept != 0 ? " ACCEPT " : " REJECT ") +
                        std::string(policy->rule_name(flow.counters.group_rule)));
  }
  EXPECT_THAT(of_sender, testing::UnorderedElementsAre("6000 to 5000 ACCEPT sg-1:ingress:1",
                                                       "6000 to 5001 REJECT sg-1:ingress:*",
                                                       "6001 to 5000 REJECT sg-1:ingress:*"));
}

/// Is a program with this number still in the kernel?
bool is_loaded(std::uint32_t id) {
  return base::Descriptor(bpf_prog_get_fd_by_id(id)).is_open();
}

std::uint32_t id_of(int program) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof(info);
  EXPECT_EQ(bpf_obj_get_info_by_fd(program, &info, &size), 0);
  return info.id;
}

std::vector<std::uint32_t> maps_of(int program) {
  std::vector<std::uint32_t> ids(32);
  bpf_prog_info info{};
  info.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
  info.nr_map_ids = static_cast<std::uint32_t>(ids.size());
  std::uint32_t size = sizeof(info);
  EXPECT_EQ(bpf_obj_get_info_by_fd(program, &info, &size), 0);
  ids.resize(info.nr_map_ids);
  return ids;
}

TEST_F(Live, NothingStaysInTheKernel) {
  const std::string discipline = "tc qdisc show dev eth0";
  const std::string before = owner->ask(discipline);
  for (const auto attachment : {Attachment::any, Attachment::clsact}) {
    load(Mode::observe, network_with(kEverything, kEverything));
    attach(attachment);
    owner->run("ping -c 1 -W 5 " + std::string(kPeer));
    drain();
    EXPECT_EQ(flows.size(), 2U);
    const auto ingress = id_of(program(Direction::ingress));
    const auto egress = id_of(program(Direction::egress));
    const auto maps = maps_of(program(Direction::ingress));
    EXPECT_GE(maps.size(), 7U);
    hook.reset();
    datapath.reset();
    // The kernel frees them when nobody can be using them any more.
    EXPECT_TRUE(eventually([&] { return !is_loaded(ingress) && !is_loaded(egress); }));
    EXPECT_TRUE(eventually([&] {
      return std::none_of(maps.begin(), maps.end(), [](std::uint32_t id) {
        return base::Descriptor(bpf_map_get_fd_by_id(id)).is_open();
      });
    }));
    EXPECT_EQ(owner->ask(discipline), before);
  }
}

}  // namespace
}  // namespace weir::live
