// The kernel program against replay: the same frames, one by one, to both; each packet's fate, and
// every flow's verdict, rules and counters, are the same.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "live/datapath.h"
#include "live/kernel.h"
#include "policy/judge.h"
#include "property/frame.h"
#include "property/world.h"

namespace weir::property {
namespace {

constexpr std::uint32_t kDropped = 2;             // TC_ACT_SHOT
constexpr std::uint32_t kPassedOn = 0xffff'ffff;  // TC_ACT_UNSPEC
constexpr std::size_t kPorts = 5;                 // as many as a World has interfaces

/// What makes a flow of its own, and its verdict.
using Flow = std::tuple<std::uint32_t, Direction, Address, Address, std::uint16_t, std::uint16_t,
                        std::uint8_t, int, int, std::uint32_t, std::uint32_t>;
struct Counted {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  int tcp_flags = 0;
  bool operator==(const Counted&) const = default;
};
using Flows = std::map<Flow, Counted>;

std::string list(const Flows& flows, const policy::Policy& policy) {
  std::ostringstream out;
  for (const auto& [flow, counted] : flows) {
    const auto& [port, way, src, dst, srcport, dstport, protocol, accept, cause, group, acl] = flow;
    out << "  " << port << " " << to_string(way) << " " << src.to_string() << " " << srcport << " "
        << dst.to_string() << " " << dstport << " " << int{protocol} << " accept " << accept
        << " cause " << cause << " '" << policy.rule_name(group) << "' '" << policy.rule_name(acl)
        << "': " << counted.packets << " packets, " << counted.bytes << " bytes, flags "
        << counted.tcp_flags << "\n";
  }
  return out.str();
}

/// BPF_PROG_TEST_RUN takes no frame that is shorter than the header that its EtherType promises.
bool is_taken_by_test_run(const std::vector<std::uint8_t>& frame) {
  const unsigned type = frame[12] * 256U + frame[13];
  return frame.size() > 14 + (type == 0x0800 ? 19U : type == 0x86dd ? 39U : 0U);
}

/// What no honest sender sends, and what few do: other EtherTypes, lengths that lie, headers cut
/// short, extension headers out of nothing.
void spoil(std::vector<std::uint8_t>& frame, Random& random) {
  constexpr std::size_t kLeast = 14;
  if (random.one_in(3)) frame.resize(kLeast + random.below(frame.size() - kLeast + 1));
  for (std::uint64_t i = random.below(4); i != 0 && frame.size() > 12; --i) {
    const auto place = 12 + random.below(std::min<std::size_t>(frame.size() - 12, 60));
    static const std::vector<std::uint8_t> kBytes{0, 1, 6, 17, 43, 44, 58, 60, 0x45, 0x60, 0x81};
    frame[place] = random.one_in(2) ? random.any(kBytes)
                                    : static_cast<std::uint8_t>(frame[place] ^ random.below(256));
  }
}

class LiveComparison {
 public:
  explicit LiveComparison(live::Datapath& datapath) : datapath_(datapath) {}

  /// One network, `packets` frames, drained now and then. False, with a message, at the first
  /// difference.
  bool run(std::uint64_t seed, std::uint64_t packets) {
    Random random(seed);
    World world(random);
    auto policy = policy::Policy::compile(world.network);
    if (!policy) {
      ADD_FAILURE() << policy.error().message();
      return false;
    }
    std::vector<vpc::InterfaceIndex> interfaces;
    for (std::uint32_t i = 0; i < kPorts; ++i) interfaces.push_back(vpc::InterfaceIndex{i});
    if (auto done = datapath_.publish(*policy, interfaces); !done) {
      ADD_FAILURE() << done.error().message();
      return false;
    }
    now_ += std::int64_t{1'000'000} * 1'000'000;  // what the kernel remembers has timed out
    policy::Judge judge(*policy, 1'000'000);
    std::vector<Seen> history;
    Seen seen;
    for (std::uint64_t i = 0; i < packets; ++i) {
      const bool is_at_edge = i != 0 && random.one_in(100);
      now_ += std::max<std::int64_t>(0, is_at_edge ? step_to_an_edge(random) : step(random));
      seen = is_at_edge ? follow(seen, random) : choose(world, random, history);
      const FrameShape shape{random.one_in(8) ? static_cast<unsigned>(random.below(3)) : 0,
                             random.below(64), random.one_in(2)};
      const auto repeat = random.one_in(4) ? 1 + random.below(4) : 1;
      auto frame = frame_of(seen.packet, shape);
      if (random.one_in(6)) spoil(frame, random);
      if (!is_taken_by_test_run(frame)) continue;
      if (!take(seen, frame, repeat, judge)) {
        ADD_FAILURE() << "seed " << seed << ", packet " << i << ": "
                      << in_words(seen.packet, seen.direction, world.network[seen.interface]);
        return false;
      }
      if (random.one_in(200) && !drain(*policy)) {
        ADD_FAILURE() << "seed " << seed << ", drained after packet " << i;
        return false;
      }
    }
    return drain(*policy);
  }

  std::map<std::string, std::uint64_t> kinds;

 private:
  bool take(const Seen& seen, const std::vector<std::uint8_t>& frame, std::uint64_t repeat,
            policy::Judge& judge) {
    weir_packet packet{};
    const auto parsed = packet::parse(frame, static_cast<std::uint32_t>(frame.size()), 1, packet);
    const auto beat = now_ / datapath_.beat().count();
    datapath_.set_test_clock(static_cast<std::uint64_t>(beat));
    for (std::uint64_t i = 0; i < repeat; ++i) {
      bool accept = parsed == packet::ParseResult::not_ip;
      if (parsed == packet::ParseResult::parsed) {
        accept = judge_one(seen, packet, beat, judge);
      } else {
        ++unread_[parsed];
      }
      const auto port = static_cast<live::Port>(seen.interface);
      const auto run = live::test_run(datapath_.program(port, seen.direction), frame);
      if (!run) {
        ADD_FAILURE() << run.error().message();
        return false;
      }
      if (run->result != (accept ? kPassedOn : kDropped)) {
        ADD_FAILURE() << "the kernel returned " << run->result << ", replay "
                      << (accept ? "accepts" : "rejects");
        return false;
      }
    }
    return true;
  }

  bool judge_one(const Seen& seen, const weir_packet& packet, std::int64_t beat,
                 policy::Judge& judge) {
    policy::Memo memo;
    const base::UnixMicros time(beat * datapath_.beat());
    const weir_verdict verdict = judge.judge(seen.interface, seen.direction, packet, time, memo);
    ++kinds[verdict.unlogged != 0                           ? "unlogged"
            : verdict.accept != 0                           ? "ACCEPT"
            : verdict.cause == WEIR_CAUSE_CONNECTION_CLOSED ? "CONNECTION_CLOSED"
                                                            : "REJECT"];
    if (verdict.group_rule == WEIR_RULE_TRACKED) ++kinds["tracked"];
    if (verdict.unlogged != 0) {
      ++unlogged_;
      return verdict.accept != 0;
    }
    Counted& counted = expected_[{static_cast<std::uint32_t>(seen.interface), seen.direction,
                                  packet::to_address(packet.src), packet::to_address(packet.dst),
                                  packet.srcport, packet.dstport, packet.protocol, verdict.accept,
                                  verdict.cause, verdict.group_rule, verdict.acl_rule}];
    ++counted.packets;
    counted.bytes += packet.bytes;
    counted.tcp_flags |= weir_tcp_flags(packet.tcp_bits);
    return verdict.accept != 0;
  }

  bool drain(const policy::Policy& policy) {
    Flows flows;
    std::uint64_t unlogged = 0;
    const auto points = datapath_.drain(base::UnixMicros{}, [&](const live::DrainedFlow& flow) {
      const auto& counters = flow.counters;
      Counted& counted =
          flows[{static_cast<std::uint32_t>(flow.port), flow.direction, flow.src, flow.dst,
                 flow.srcport, flow.dstport, flow.protocol, counters.accept, counters.cause,
                 counters.group_rule, counters.acl_rule}];
      counted.packets += counters.packets;
      counted.bytes += counters.bytes;
      counted.tcp_flags |= counters.tcp_flags;
    });
    EXPECT_TRUE(points);
    if (!points) return false;
    for (const auto& point : *points) {
      EXPECT_EQ(point.accounted(), point.seen());
      EXPECT_EQ(point.overflow(), 0U);
      EXPECT_EQ(point.counts.of[WEIR_NOT_TRACKED], 0U);
      unlogged += point.not_logged;
    }
    EXPECT_EQ(unlogged, unlogged_);
    std::map<packet::ParseResult, std::uint64_t> unread;
    for (const auto& point : *points) {
      for (const auto& [result, count] : {std::pair{packet::ParseResult::not_ip, WEIR_SEEN_NOT_IP},
                                          {packet::ParseResult::truncated, WEIR_SEEN_TRUNCATED},
                                          {packet::ParseResult::malformed, WEIR_SEEN_MALFORMED}}) {
        if (point.counts.of[count] != 0) unread[result] += point.counts.of[count];
      }
    }
    EXPECT_EQ(unread, unread_);
    kinds["unread"] += unread_.size();
    Flows missing;
    Flows unexpected;
    for (const auto& [flow, counted] : expected_) {
      const auto found = flows.find(flow);
      if (found == flows.end() || found->second != counted) missing[flow] = counted;
    }
    for (const auto& [flow, counted] : flows) {
      const auto found = expected_.find(flow);
      if (found == expected_.end() || found->second != counted) unexpected[flow] = counted;
    }
    const bool is_same =
        missing.empty() && unexpected.empty() && unlogged == unlogged_ && unread == unread_;
    if (!is_same) {
      ADD_FAILURE() << "replay alone has\n"
                    << list(missing, policy) << "the kernel alone has\n"
                    << list(unexpected, policy);
    }
    expected_.clear();
    unread_.clear();
    unlogged_ = 0;
    return is_same;
  }

  live::Datapath& datapath_;
  std::int64_t now_ = 0;
  Flows expected_;
  std::map<packet::ParseResult, std::uint64_t> unread_;
  std::uint64_t unlogged_ = 0;
};

TEST(LiveDatapath, AgreesWithReplayOnRandomNetworksRulesAndPackets) {
  if (geteuid() != 0) GTEST_SKIP() << "loading kernel programs needs root";
  auto datapath = live::Datapath::load({.flows = 4096, .ipv6_flows = 4096, .connections = 65536},
                                       {.has_test_clock = true});
  ASSERT_TRUE(datapath) << datapath.error().message();
  for (std::size_t i = 0; i < kPorts; ++i) {
    const auto port = datapath->add_port(live::Mode::enforce, true);
    ASSERT_TRUE(port) << port.error().message();
  }
  constexpr std::uint64_t kPerNetwork = 5'000;
  LiveComparison comparison(*datapath);
  for (std::uint64_t seed = 1; seed * kPerNetwork <= WEIR_JUDGEMENTS; ++seed) {
    if (!comparison.run(seed, kPerNetwork)) return;
  }
  // A comparison of packets that are all refused would prove little.
  for (const char* kind : {"ACCEPT", "REJECT", "CONNECTION_CLOSED", "tracked", "unlogged"}) {
    EXPECT_GT(comparison.kinds[kind], WEIR_JUDGEMENTS / 5000) << kind;
    RecordProperty(kind, std::to_string(comparison.kinds[kind]));
  }
}

}  // namespace
}  // namespace weir::property
