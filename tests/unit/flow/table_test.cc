#include "flow/table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <tuple>

namespace weir::flow {
namespace {

FlowKey key_of(std::uint32_t number) {
  FlowKey key;
  key.src = base::Address::from_ipv4(0x0a000000 + number);
  key.dst = base::Address::from_ipv4(0xcb007101);
  key.srcport = static_cast<std::uint16_t>(number);
  key.protocol = WEIR_TCP;
  return key;
}

weir_verdict accepted_by(std::uint32_t rule) {
  weir_verdict verdict{};
  verdict.accept = 1;
  verdict.group_rule = rule;
  return verdict;
}

void count(Table& table, const FlowKey& key, const weir_verdict& verdict, std::uint32_t bytes,
           std::uint16_t second, std::uint8_t bits = 0) {
  weir_packet packet{};
  packet.bytes = bytes;
  packet.tcp_bits = bits;
  table.count(table.find_or_add(key, table.hash(key)), verdict, packet, second);
}

TEST(Table, CountsWhatANaiveMapCounts) {
  Table table;
  std::map<std::tuple<std::uint32_t, std::uint32_t>, std::pair<std::uint64_t, std::uint64_t>> naive;
  std::mt19937 random(7);
  for (int i = 0; i < 300'000; ++i) {
    const std::uint32_t flow = static_cast<std::uint32_t>(random()) % 50'000;
    const std::uint32_t rule = 2 + static_cast<std::uint32_t>(random()) % 3;
    const std::uint32_t bytes = 40 + static_cast<std::uint32_t>(random()) % 1400;
    count(table, key_of(flow), accepted_by(rule), bytes, 0);
    auto& expected = naive[{flow, rule}];
    expected.first += 1;
    expected.second += bytes;
  }
  std::size_t seen = 0;
  table.for_each([&](const FlowKey& key, std::span<const Counters> verdicts) {
    for (const Counters& counters : verdicts) {
      const auto& expected = naive.at({key.src.ipv4() - 0x0a000000, counters.group_rule});
      EXPECT_EQ(counters.packets, expected.first);
      EXPECT_EQ(counters.bytes, expected.second);
      ++seen;
    }
  });
  EXPECT_EQ(seen, naive.size());
}

TEST(Table, FlowsComeOutInTheOrderOfTheirFirstPackets) {
  Table table;
  for (const std::uint32_t number : {5U, 3U, 9U, 3U, 1U}) {
    count(table, key_of(number), accepted_by(2), 60, 0);
  }
  std::vector<std::uint16_t> order;
  table.for_each([&](const FlowKey& key, auto) { order.push_back(key.srcport); });
  EXPECT_EQ(order, (std::vector<std::uint16_t>{5, 3, 9, 1}));
}

TEST(Table, EachVerdictOfAFlowHasItsOwnCounters) {
  Table table;
  weir_verdict refused{};
  refused.cause = WEIR_CAUSE_NETWORK_ACL;
  count(table, key_of(1), accepted_by(2), 100, 3, WEIR_TCP_SYN);
  count(table, key_of(1), refused, 200, 5, WEIR_TCP_FIN);
  count(table, key_of(1), accepted_by(2), 50, 1);
  table.for_each([&](const FlowKey&, std::span<const Counters> verdicts) {
    ASSERT_EQ(verdicts.size(), 2U);
    EXPECT_EQ(verdicts[0].bytes, 150U);
    EXPECT_EQ(verdicts[0].first, 1);
    EXPECT_EQ(verdicts[0].last, 3);
    EXPECT_EQ(verdicts[0].tcp_flags, 2);
    EXPECT_EQ(verdicts[1].packets, 1U);
    EXPECT_EQ(verdicts[1].tcp_flags, 1);
  });
}

TEST(Table, AFlowThatNothingWasCountedForIsLeftOut) {
  Table table;
  table.find_or_add(key_of(1), table.hash(key_of(1)));
  table.for_each([](const FlowKey&, auto) { FAIL(); });
}

}  // namespace
}  // namespace weir::flow
