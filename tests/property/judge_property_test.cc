// Random networks, rules and packets: the compiled evaluator against the naive one, verdict by
// verdict.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "oracle/naive.h"
#include "policy/judge.h"
#include "property/world.h"

namespace weir::property {
namespace {

class Comparison {
 public:
  /// One network, `judgements` packets. False, with a message, at the first difference.
  bool run(std::uint64_t seed, std::uint64_t judgements, bool keeps_memos) {
    Random random(seed);
    World world(random);
    auto policy = policy::Policy::compile(world.network);
    if (!policy) {
      ADD_FAILURE() << policy.error().message();
      return false;
    }
    policy::Judge judge(*policy, 1'000'000);
    oracle::Naive naive(world.network);
    std::map<std::string, policy::Memo> memos;
    std::vector<Seen> history;
    Seen seen;
    std::int64_t now = 1'700'000'000'000'000;
    for (std::uint64_t i = 0; i < judgements; ++i) {
      // What tells on which side of a time-out it is, is the next packet of the same connection.
      const bool is_at_edge = i != 0 && random.one_in(100);
      now += is_at_edge ? step_to_an_edge(random) : step(random);
      seen = is_at_edge ? follow(seen, random) : choose(world, random, history);
      const auto& interface = world.network[seen.interface];
      policy::Memo fresh;
      policy::Memo* memo = &fresh;
      if (keeps_memos) {
        if (memos.size() > 3000) memos.clear();
        memo = &memos[flow_of(seen)];
      }
      const weir_verdict verdict =
          judge.judge(seen.interface, seen.direction, seen.packet,
                      base::UnixMicros(std::chrono::microseconds(now)), *memo);
      const oracle::Verdict expected = naive.judge(interface, seen.direction, seen.packet, now);
      if (!is_same(*policy, verdict, expected)) {
        ADD_FAILURE() << "seed " << seed << ", packet " << i << ": "
                      << in_words(seen.packet, seen.direction, interface)
                      << "\n  compiled: " << (verdict.accept != 0 ? "ACCEPT " : "REJECT ")
                      << int{verdict.cause} << " '" << policy->rule_name(verdict.acl_rule) << "' '"
                      << policy->rule_name(verdict.group_rule)
                      << "'\n  naive:    " << (expected.accept ? "ACCEPT " : "REJECT ")
                      << expected.cause << " '" << expected.acl_rule << "' '" << expected.group_rule
                      << "'";
        return false;
      }
      note(expected);
    }
    return true;
  }

  std::map<std::string, std::uint64_t> kinds;

 private:
  static std::string flow_of(const Seen& seen) {
    const auto& packet = seen.packet;
    std::string key;
    for (const std::uint64_t part :
         {packet.src.high, packet.src.low, packet.dst.high, packet.dst.low,
          std::uint64_t{packet.srcport} << 16U | packet.dstport,
          std::uint64_t{packet.protocol} << 8U | static_cast<std::uint64_t>(seen.direction),
          static_cast<std::uint64_t>(seen.interface)}) {
      key += std::to_string(part) + ",";
    }
    return key;
  }

  static bool is_same(const policy::Policy& policy, const weir_verdict& verdict,
                      const oracle::Verdict& expected) {
    static const std::vector<std::string> kCauses{"", "SECURITY_GROUP", "NETWORK_ACL",
                                                  "CONNECTION_CLOSED"};
    return (verdict.accept != 0) == expected.accept &&
           (verdict.unlogged != 0) == expected.unlogged &&
           kCauses[verdict.cause] == expected.cause &&
           policy.rule_name(verdict.group_rule) == expected.group_rule &&
           policy.rule_name(verdict.acl_rule) == expected.acl_rule;
  }

  void note(const oracle::Verdict& verdict) {
    ++kinds[verdict.unlogged ? "unlogged" : verdict.accept ? "ACCEPT" : verdict.cause];
    if (verdict.group_rule == "tracked")
      ++kinds[verdict.accept ? "tracked" : "tracked, refused by the ACL"];
  }
};

TEST(Judge, AgreesWithTheNaiveEvaluatorOnRandomNetworksRulesAndPackets) {
  constexpr std::uint64_t kPerNetwork = 20'000;
  Comparison comparison;
  for (std::uint64_t seed = 1; seed * kPerNetwork <= WEIR_JUDGEMENTS; ++seed) {
    if (!comparison.run(seed, kPerNetwork, seed % 2 == 0)) return;
  }
  // A comparison of packets that are all refused would prove little.
  for (const char* kind : {"ACCEPT", "SECURITY_GROUP", "NETWORK_ACL", "CONNECTION_CLOSED",
                           "tracked", "tracked, refused by the ACL", "unlogged"}) {
    EXPECT_GT(comparison.kinds[kind], WEIR_JUDGEMENTS / 5000) << kind;
    RecordProperty(kind, std::to_string(comparison.kinds[kind]));
  }
}

}  // namespace
}  // namespace weir::property
