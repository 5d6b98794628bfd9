// As many packets as the machine can send, drained all the while: each one that the senders, the
// devices and the kernel's TCP count is in a flow, in overflow or in a counted exception.
#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <optional>

#include "integration/live_network.h"
#include "live/datapath.h"
#include "live/hook.h"

namespace weir::live {
namespace {

using vpc::Direction;

/// What has been drained of one direction.
struct Sum {
  std::uint64_t seen = 0;
  std::uint64_t recorded = 0;
  std::uint64_t overflow = 0;
  std::uint64_t rejected = 0;  ///< of what was recorded
  std::uint64_t bytes = 0;     ///< in flows
  std::uint64_t flows = 0;     ///< parts of them
};

/// 10.0.0.10, whose packets are recorded, and 10.0.0.20.
class Exact : public Hosts {
 protected:
  void SetUp() override {
    Hosts::SetUp();
    if (!IsSkipped()) connect("eth0", kOwner, kPeer);
  }

  void record(Capacity capacity, Mode mode = Mode::observe,
              const vpc::Network& network = network_with(kEverything, kEverything)) {
    auto loaded = Datapath::load(capacity);
    ASSERT_TRUE(loaded) << loaded.error().message();
    datapath.emplace(std::move(*loaded));
    const auto port = datapath->add_port(mode, true);
    ASSERT_TRUE(port) << port.error().message();
    auto compiled = policy::Policy::compile(network);
    ASSERT_TRUE(compiled) << compiled.error().message();
    const std::array interfaces{vpc::InterfaceIndex{0}};
    ASSERT_TRUE(datapath->publish(*compiled, interfaces));
    auto attached = Hook::attach(
        {datapath->program(*port, Direction::ingress), datapath->program(*port, Direction::egress)},
        {"eth0", owner->name()});
    ASSERT_TRUE(attached) << attached.error().message();
    hook.emplace(std::move(*attached));
  }

  void drain() {
    const auto points = datapath->drain(now(), [this](const DrainedFlow& flow) {
      Sum& sum = sums[flow.direction];
      sum.bytes += flow.counters.bytes;
      if (flow.counters.accept == 0) sum.rejected += flow.counters.packets;
      ++sum.flows;
    });
    ASSERT_TRUE(points) << points.error().message();
    for (const PointAccount& point : *points) {
      EXPECT_EQ(point.accounted(), point.seen()) << "at every drain";
      Sum& sum = sums[point.direction];
      sum.seen += point.seen();
      sum.recorded += point.recorded;
      sum.overflow += point.overflow();
    }
  }

  /// Drains while `work` goes on in threads of its own, and then what is left, until as many
  /// packets have been seen as the devices have.
  template <typename Work>
  void drain_during(Work work) {
    std::atomic<bool> is_done{false};
    std::thread worker([&] {
      work();
      is_done = true;
    });
    while (!is_done) drain();
    worker.join();
    EXPECT_TRUE(eventually([&] {
      drain();
      return sums[Direction::ingress].seen >= owner->statistic("rx_packets") &&
             sums[Direction::egress].seen >= owner->statistic("tx_packets");
    }));
  }

  std::optional<Datapath> datapath;
  std::optional<Hook> hook;
  std::map<Direction, Sum> sums;
};

/// Sends as many datagrams of 10 bytes as fast as it can, over several flows. `to` listens, so that
/// nobody answers that it does not.
void flood(const Space& from, const char* to, std::uint64_t datagrams) {
  constexpr std::size_t kBatch = 64;
  constexpr std::size_t kFlows = 16;
  std::vector<base::Descriptor> sockets;
  for (std::size_t i = 0; i < kFlows; ++i) {
    sockets.push_back(from.socket(SOCK_DGRAM));
    EXPECT_EQ(connect_to(sockets.back(), endpoint(to, 5000)), 0);
  }
  std::array<char, 10> data{};
  iovec part{data.data(), data.size()};
  std::array<mmsghdr, kBatch> messages{};
  for (mmsghdr& message : messages) {
    message.msg_hdr.msg_iov = &part;
    message.msg_hdr.msg_iovlen = 1;
  }
  for (std::size_t i = 0; datagrams != 0; ++i) {
    const auto batch = static_cast<unsigned>(std::min<std::uint64_t>(kBatch, datagrams));
    const int sent = sendmmsg(sockets[i % kFlows].get(), messages.data(), batch, 0);
    ASSERT_GT(sent, 0) << strerror(errno);
    datagrams -= static_cast<std::uint64_t>(sent);
  }
}

/// A listener that reads nothing.
base::Descriptor listen_at(const Space& space, const char* address) {
  base::Descriptor socket = space.socket(SOCK_DGRAM);
  const int least = 0;
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
  EXPECT_EQ(bind_to(socket, endpoint(address, 5000)), 0);
  return socket;
}

TEST_F(Exact, TenMillionDatagramsOfBothDirectionsAreCounted) {
  constexpr std::uint64_t kEach = 5'000'000;
  record({.flows = 4096, .ipv6_flows = 512, .connections = 8192});
  const auto at_owner = listen_at(*owner, kOwner);
  const auto at_peer = listen_at(*peer, kPeer);
  drain_during([&] {
    std::thread other([&] { flood(*peer, kOwner, kEach); });
    flood(*owner, kPeer, kEach);
    other.join();
  });
  const Sum& out = sums[Direction::egress];
  EXPECT_EQ(out.seen, kEach) << "the hook comes before the device, which may drop";
  EXPECT_EQ(owner->statistic("tx_packets") + owner->statistic("tx_dropped"), kEach);
  const Sum& in = sums[Direction::ingress];
  EXPECT_EQ(in.seen, owner->statistic("rx_packets"));
  EXPECT_EQ(peer->statistic("tx_packets") + peer->statistic("tx_dropped"), kEach);
  for (const Sum* sum : {&in, &out}) {
    EXPECT_EQ(sum->recorded, sum->seen);
    EXPECT_EQ(sum->bytes, sum->seen * (20 + 8 + 10));
  }
}

/// One datagram for each flow.
void open_flows(const Space& from, std::uint64_t flows) {
  constexpr std::uint16_t kFirstPort = 1024;
  constexpr std::uint64_t kPorts = 60'000;
  std::optional<base::Descriptor> socket;
  for (std::uint64_t i = 0; i < flows; ++i) {
    if (i % kPorts == 0) socket.emplace(from.socket(SOCK_DGRAM));
    const auto port = static_cast<std::uint16_t>(kFirstPort + i % kPorts);
    ASSERT_TRUE(send_to(*socket, endpoint(kPeer, port), 10));
  }
}

TEST_F(Exact, ThreeHundredThousandFlowsAtOnceAreEachOneFlowOrOverflow) {
  constexpr std::uint64_t kFlows = 300'000;
  // Nobody listens there, and the peer is not to say so.
  peer->run("ip route add blackhole 10.0.0.10/32");
  for (const std::size_t room : {std::size_t{1} << 20U, std::size_t{1} << 14U}) {
    sums.clear();
    hook.reset();
    record({.flows = room * processors()->online, .ipv6_flows = 512, .connections = 512});
    open_flows(*owner, kFlows);  // on two processors at most, before anything is drained
    drain();
    const Sum& out = sums[Direction::egress];
    EXPECT_EQ(out.seen, kFlows);
    EXPECT_EQ(out.flows, out.recorded) << "each has one packet";
    EXPECT_EQ(out.recorded + out.overflow, kFlows);
    if (room > kFlows) {
      EXPECT_LT(out.overflow, kFlows / 1000) << "a place may be full while the table is not";
    } else {
      EXPECT_GT(out.overflow, 0U);
      EXPECT_GT(out.recorded, room / 2);
    }
  }
}

/// iperf3's traffic from the peer, and both hosts' own account of it.
class Iperf : public Exact {
 protected:
  void SetUp() override {
    if (status_of("iperf3 --version") != 0) GTEST_SKIP() << "iperf3 is not installed";
    Exact::SetUp();
  }

  void send(const std::string& bytes, const std::string& to = kOwner, const char* more = "") {
    std::thread server([&] { owner->run("iperf3 --server --one-off"); });
    Ended client;
    drain_during([&] {
      // Until the server listens.
      eventually([&] {
        client = run_program("ip netns exec " + peer->name() + " iperf3 --bytes " + bytes +
                             " --client " + to + " " + more);
        return client.status == 0;
      });
    });
    server.join();
    ASSERT_EQ(client.status, 0) << client.output;
  }

  void expect_what_tcp_counts() {
    drain();
    for (const auto& [space, direction] :
         {std::pair{&*peer, Direction::ingress}, std::pair{&*owner, Direction::egress}}) {
      const Sum& sum = sums[direction];
      const auto segments = kernel_counts(*space, "snmp", "Tcp:", "OutSegs") +
                            kernel_counts(*space, "snmp", "Tcp:", "RetransSegs");
      const auto packets = kernel_counts(*space, "snmp", "Ip:", "OutRequests");
      EXPECT_EQ(sum.seen, segments) << to_string(direction);
      EXPECT_EQ(sum.recorded, sum.seen);
      // What was one packet on its way is several on the wire, each with 20 and 32 bytes of
      // headers.
      EXPECT_EQ(sum.bytes, kernel_counts(*space, "netstat", "IpExt:", "OutOctets") +
                               (segments - packets) * 52);
    }
    EXPECT_GT(sums[Direction::ingress].seen, 2 * owner->statistic("rx_packets"))
        << "there was no TSO";
  }
};

TEST_F(Iperf, SegmentsThatTheCardIsYetToCutAreCountedAsTcpCountsThem) {
  record({.flows = 4096, .ipv6_flows = 512, .connections = 8192});
  send("400M");
  expect_what_tcp_counts();
}

TEST_F(Iperf, SegmentsInATunnelAreCountedAsTheOtherEndReceivesThem) {
  const auto join = [](const Space& space, const char* own, const char* other, const char* inside) {
    space.run("ip link add vx0 type vxlan id 1 dstport 4789 dev eth0 local " + std::string(own) +
              " remote " + other);
    space.run("ip addr add " + std::string(inside) + "/24 dev vx0");
    space.run("ip link set vx0 up");
  };
  join(*owner, kOwner, kPeer, "10.1.0.10");
  join(*peer, kPeer, kOwner, "10.1.0.20");
  // The stack cuts them itself, after the program, so that the other end sees what a wire has.
  owner->run(
      "ethtool -K eth0 tso off tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off");
  record({.flows = 4096, .ipv6_flows = 512, .connections = 8192});
  const std::uint64_t before = peer->statistic("rx_packets");
  const std::uint64_t bytes_before = peer->statistic("rx_bytes");
  send("50M", "10.1.0.10", "--reverse");
  drain();
  const Sum& sum = sums[Direction::egress];
  EXPECT_EQ(sum.seen, peer->statistic("rx_packets") - before);
  // What is in no flow is ARP.
  EXPECT_EQ(sum.bytes + sum.recorded * 14 + (sum.seen - sum.recorded) * 42,
            peer->statistic("rx_bytes") - bytes_before);
  EXPECT_GT(kernel_counts(*owner, "snmp", "Tcp:", "OutSegs"),
            kernel_counts(*owner, "snmp", "Ip:", "OutRequests"))
      << "there was nothing to cut";
}

TEST_F(Iperf, EnforcingLetsItThroughByItsRuleAndItsRepliesByTheConnection) {
  const std::string rule =
      R"({"IpProtocol": "tcp", "FromPort": 5201, "ToPort": 5201, "IpRanges": [{"CidrIp": ")" +
      std::string(kPeer) + R"(/32"}]})";
  record({.flows = 4096, .ipv6_flows = 512, .connections = 8192}, Mode::enforce,
         network_with(rule, ""));
  send("100M");
  EXPECT_EQ(sums[Direction::ingress].rejected, 0U);
  const auto listener = owner->socket(SOCK_STREAM);
  ASSERT_EQ(bind_to(listener, endpoint(kOwner, 5202)), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  const auto refused = peer->socket(SOCK_STREAM);
  const timeval patience{0, 300'000};
  setsockopt(refused.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  EXPECT_NE(connect_to(refused, endpoint(kOwner, 5202)), 0);
  expect_what_tcp_counts();
  EXPECT_GE(sums[Direction::ingress].rejected, 1U);
  EXPECT_EQ(sums[Direction::egress].rejected, 0U);
}

}  // namespace
}  // namespace weir::live
