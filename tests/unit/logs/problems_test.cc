// What is told of lines and objects, once each.
#include "logs/problems.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace weir::logs {
namespace {

TEST(Problems, ALineThatIsReadTwiceCountsOnce) {
  Problems problems;
  for (int i = 0; i < 2; ++i) {
    problems.bad_line("a.log", 7, "is odd");
    problems.bad_line("b.log", 7, "is odd");
    problems.damaged("c.log", {"", "is empty", ""});
  }
  EXPECT_EQ(problems.bad_lines(), 2U);
  EXPECT_EQ(problems.damaged_objects(), 1U);
  EXPECT_EQ(problems.first(),
            (std::vector<std::string>{"c.log: is empty", "a.log:7: is odd", "b.log:7: is odd"}));
}

TEST(Problems, BeyondWhatIsRememberedEveryLineStillCounts) {
  Problems problems;
  const std::uint64_t lines = Problems::kRemembered + 5;
  for (std::uint64_t line = 1; line <= lines; ++line) problems.bad_line("a.log", line, "is odd");
  problems.bad_line("a.log", 1, "is odd");
  EXPECT_EQ(problems.bad_lines(), lines);
  EXPECT_EQ(problems.first().size(), Problems::kKept);
}

TEST(Problems, SeveralThreadsLoseNone) {
  constexpr std::uint64_t kLines = 2000;
  Problems problems;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, name = std::to_string(i)] {
      for (std::uint64_t line = 1; line <= kLines; ++line) problems.bad_line(name, line, "is odd");
      problems.damaged(name, {"", "is cut", ""});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(problems.bad_lines(), 4 * kLines);
  EXPECT_EQ(problems.damaged_objects(), 4U);
}

}  // namespace
}  // namespace weir::logs
