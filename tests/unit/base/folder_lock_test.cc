#include "base/folder_lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <optional>

namespace weir::base {
namespace {

namespace fs = std::filesystem;

TEST(FolderLock, OneHasItUntilItGoes) {
  const fs::path folder =
      fs::path(testing::TempDir()) / ("weir-lock-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const Error in_use{folder.string(), "is in use", ""};
  auto first = FolderLock::take(folder, in_use);
  ASSERT_TRUE(first);
  std::optional<FolderLock> held(std::move(*first));
  const auto second = FolderLock::take(folder, in_use);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message(), in_use.message());
  held.reset();
  EXPECT_TRUE(FolderLock::take(folder, in_use));
  fs::remove_all(folder);
  const auto nowhere = FolderLock::take(folder, in_use);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().message(),
            (folder / "lock").string() + ": cannot be made: No such file or directory");
}

}  // namespace
}  // namespace weir::base
