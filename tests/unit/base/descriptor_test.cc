#include "base/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>

namespace weir::base {
namespace {

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

TEST(Descriptor, IsClosedOnceByItsLastOwner) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  {
    Descriptor first(ends[0]);
    Descriptor second(std::move(first));
    EXPECT_EQ(second.get(), ends[0]);
    Descriptor third;
    EXPECT_FALSE(third.is_open());
    third = std::move(second);
    EXPECT_TRUE(is_open(ends[0]));
    EXPECT_EQ(third.get(), ends[0]);
  }
  EXPECT_FALSE(is_open(ends[0]));
  Descriptor other(ends[1]);
  other.close();
  EXPECT_FALSE(other.is_open());
  EXPECT_FALSE(is_open(ends[1]));
}

}  // namespace
}  // namespace weir::base
