// How the room for flows is divided among processors.
#include "live/processors.h"

#include <gtest/gtest.h>

#include "live/datapath.h"

namespace weir::live {
namespace {

TEST(Processors, AreCountedUpToTheLastOneOfAList) {
  EXPECT_EQ(numbers_in("0"), 1U);
  EXPECT_EQ(numbers_in("0-1"), 2U);
  EXPECT_EQ(numbers_in("0-3,8"), 9U);
  EXPECT_EQ(numbers_in("0,2-127"), 128U);
  EXPECT_EQ(numbers_in(""), 0U);
  EXPECT_EQ(numbers_in("none"), 0U);
}

TEST(Shares, AreOfATotalAndEachProcessorHasABlock) {
  constexpr std::size_t kInBlock = 512;
  for (std::uint32_t possible = 1; possible <= 130; ++possible) {
    for (std::uint32_t online = 1; online <= possible; ++online) {
      for (const std::size_t flows : {1U, 512U, 5000U, 1U << 18U}) {
        const weir_shares shares = shares_of(flows, kInBlock, {possible, online});
        const std::size_t blocks = (flows + kInBlock - 1) / kInBlock;
        ASSERT_GE(shares.each, 1U);
        ASSERT_EQ(shares.all, shares.each * online + (possible - online));
        ASSERT_LE(shares.all, std::max<std::size_t>(blocks, possible));
        ASSERT_GT(shares.all + online, blocks) << "no more is left over than cannot be divided";
      }
    }
  }
}

/// What the service maps of the kernel's memory, and so what is resident of it.
std::size_t mapped(const Capacity& capacity, Processors processors) {
  const std::size_t blocks = shares_of(capacity.flows, WEIR_BLOCK_SLOTS, processors).all;
  const std::size_t wide = shares_of(capacity.ipv6_flows, WEIR_WIDE_BLOCK_SLOTS, processors).all;
  const std::size_t counts = 2 * capacity.ports * processors.possible;
  return 2 * (blocks * sizeof(weir_block) + wide * sizeof(weir_wide_block) +
              counts * sizeof(weir_counts));
}

TEST(Shares, DoNotGrowWithTheProcessorsByMoreThanTheServiceMayTake) {
  constexpr std::size_t kRest = std::size_t{50} << 20U;  // of the service, as it was measured
  constexpr std::size_t kMost = 100'000'000;             // an idle one, in all
  for (const Processors processors :
       {Processors{1, 1}, Processors{2, 2}, Processors{3, 3}, Processors{4, 4}, Processors{16, 16},
        Processors{96, 96}, Processors{128, 128}, Processors{128, 2}}) {
    EXPECT_LT(mapped({}, processors) + kRest, kMost)
        << processors.online << " of " << processors.possible;
  }
}

}  // namespace
}  // namespace weir::live
