#include "base/huge_pages.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <vector>

namespace weir::base {
namespace {

struct Element {
  std::uint64_t number;
  std::array<std::uint64_t, 8> more;  ///< 72 bytes, which divide no page
};

TEST(HugeArray, ElementsStayWhereTheyAreWhileItGrows) {
  HugeArray<Element> array;
  const Element* first = &array.push_back({0, {}});
  for (std::uint64_t i = 1; i < 100'000; ++i) array.push_back({i, {}});
  EXPECT_EQ(&array[0], first);
  for (std::uint64_t i = 0; i < 100'000; ++i) ASSERT_EQ(array[i].number, i);
}

TEST(HugeArray, ErasingKeepsTheOthersInOrderAndTheArrayUsable) {
  HugeArray<Element> array;
  for (std::uint64_t i = 0; i < 100'000; ++i) array.push_back({i, {}});
  array.erase_if([](const Element& element) { return element.number % 3 != 0; });
  ASSERT_EQ(array.size(), 33'334U);
  for (std::size_t i = 0; i < array.size(); ++i) ASSERT_EQ(array[i].number, 3 * i);
  array.erase_if([](const Element&) { return true; });
  EXPECT_EQ(array.size(), 0U);
  EXPECT_EQ(array.push_back({7, {}}).number, 7U);
  EXPECT_EQ(array[0].number, 7U);
}

}  // namespace
}  // namespace weir::base
