#include "base/conveyor.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace weir::base {
namespace {

TEST(Conveyor, BlocksArriveOnceAndInOrderWhoeverIsFaster) {
  constexpr int kCount = 10'000;
  Conveyor<int> conveyor(3);
  std::vector<int> arrived;
  std::thread emptying([&] {
    for (int i = 0; i < kCount; ++i) {
      arrived.push_back(conveyor.to_empty());
      conveyor.give_back();
    }
  });
  for (int i = 0; i < kCount; ++i) {
    conveyor.to_fill() = i;
    conveyor.pass();
  }
  emptying.join();
  ASSERT_EQ(arrived.size(), static_cast<std::size_t>(kCount));
  for (int i = 0; i < kCount; ++i) ASSERT_EQ(arrived[static_cast<std::size_t>(i)], i);
}

}  // namespace
}  // namespace weir::base
