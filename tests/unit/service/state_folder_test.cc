#include "service/state_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace weir::service {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class State : public ::testing::Test {
 protected:
  void TearDown() override { fs::remove_all(path_); }

  [[nodiscard]] StateFolder open() const {
    auto folder = StateFolder::open(path_);
    EXPECT_TRUE(folder) << folder.error().message();
    return std::move(*folder);
  }

  const fs::path path_ = fs::path(::testing::TempDir()) / ("weir-" + std::to_string(getpid()));
  const Remembered remembered_{
      {{"fl-0123456789abcdef0", base::UnixSeconds(std::chrono::seconds(1'795'475'885))}},
      {{{"eth0", "blue"}, 3, true, {1, 49152, 77}, {1, 49152, 78}}}};
};

TEST_F(State, IsReadAsItWasWritten) {
  EXPECT_EQ(open().read(), Remembered{}) << "a first start";
  ASSERT_TRUE(open().write(remembered_));
  EXPECT_EQ(open().read(), remembered_);
  ASSERT_TRUE(open().write({}));
  EXPECT_EQ(open().read(), Remembered{});
}

TEST_F(State, ThatIsDamagedIsSaidAndNotTakenForAFirstStart) {
  ASSERT_TRUE(open().write(remembered_));
  for (const char* text : {"", "{}", R"({"flow-logs": {"fl-1": 3}, "clsact": []})"}) {
    std::ofstream(path_ / "state.json") << text;
    const auto read = open().read();
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().message(), HasSubstr("state.json: is damaged"));
  }
}

TEST_F(State, IsOfOneServiceAtATime) {
  const StateFolder first = open();
  const auto second = StateFolder::open(path_);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr("another `weir up` is at work there"));
}

TEST_F(State, ThatCannotBeWrittenNamesTheKey) {
  std::ofstream file(path_);
  const auto folder = StateFolder::open(path_);
  ASSERT_FALSE(folder);
  EXPECT_THAT(folder.error().message(), HasSubstr("`state` in weir.toml"));
}

}  // namespace
}  // namespace weir::service
