// A disk that is full, and then is not any more.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <set>

#include "integration/recorded_network.h"

namespace weir::service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class FullDisk : public Recorded {
 protected:
  void SetUp() override {
    Recorded::SetUp();
    if (IsSkipped()) return;
    std::filesystem::create_directories(logs());
    if (mount("tmpfs", logs().c_str(), "tmpfs", 0, "size=20m") != 0) {
      GTEST_SKIP() << "a small file system is not permitted: " << strerror(errno);
    }
    describe({{"eni-1", "10.0.0.10", "eth0"}});
    start("publish-interval = 1");
  }
  void TearDown() override {
    umount2(logs().c_str(), MNT_DETACH);
    Recorded::TearDown();
  }

  [[nodiscard]] std::filesystem::path logs() const { return folder / "logs"; }
  /// 20 MB that are another's.
  void fill() const {
    std::ofstream file(logs() / "other", std::ios::binary);
    const std::string block(1 << 20, 'x');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  [[nodiscard]] std::set<std::string> statuses() const {
    std::set<std::string> out;
    for (const Line& line : lines()) out.insert(line.status);
    return out;
  }
};

TEST_F(FullDisk, RecordsWaitInMemoryUntilThereIsRoomAgain) {
  fill();
  send(5);
  tick();
  send(3);
  tick(std::chrono::minutes(7));
  EXPECT_THAT(said, HasSubstr("records wait in memory"));
  EXPECT_THAT(lines(), ::testing::IsEmpty());
  send(2);
  std::filesystem::remove(logs() / "other");
  tick();
  EXPECT_THAT(said, HasSubstr("can be written to again"));
  EXPECT_EQ(recorded("eni-1", "ingress"), 10U);
  EXPECT_EQ(service->status().lost_records, 0U);
  EXPECT_THAT(statuses(), Not(::testing::Contains("SKIPDATA")));
  stop();
}

TEST_F(FullDisk, WhatIsLostAllTheSameIsCountedAndBecomesSkipdata) {
  // Room there is, but not for one more file: this is not seen until it is tried.
  ASSERT_EQ(mount(nullptr, logs().c_str(), nullptr, MS_REMOUNT, "nr_inodes=2"), 0);
  send(5);
  tick();
  EXPECT_THAT(said, HasSubstr("are lost, and SKIPDATA will stand for them"));
  const auto lost = service->status().lost_records;
  EXPECT_GE(lost, 1U);
  send(4);
  tick();
  tick();
  EXPECT_THAT(said, HasSubstr("records wait in memory"));
  EXPECT_EQ(service->status().lost_records, lost) << "who waits loses nothing";

  ASSERT_EQ(mount(nullptr, logs().c_str(), nullptr, MS_REMOUNT, "nr_inodes=1000"), 0);
  tick();
  EXPECT_EQ(recorded("eni-1", "ingress"), 4U);
  EXPECT_THAT(statuses(), ::testing::UnorderedElementsAre("OK", "SKIPDATA"));
  stop();
}

TEST_F(FullDisk, WhatCannotBeWrittenAtTheEndIsToldByTheNextStart) {
  ASSERT_EQ(mount(nullptr, logs().c_str(), nullptr, MS_REMOUNT, "nr_inodes=2"), 0);
  send(5);
  stop();
  ASSERT_EQ(mount(nullptr, logs().c_str(), nullptr, MS_REMOUNT, "nr_inodes=1000"), 0);
  now += std::chrono::seconds(1);
  start("publish-interval = 1");
  tick();
  tick();
  EXPECT_THAT(statuses(), ::testing::ElementsAre("SKIPDATA"));
  stop();
}

}  // namespace
}  // namespace weir::service
