// What a destination does to a publisher: full, closed, or no folder at all.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "destination_folder.h"

namespace weir::deliver {
namespace {

using record::gzip_lines;
using record::sql;
using testing::HasSubstr;
using testing::SizeIs;

/// A file system of a given size, as long as it lives.
class SmallDisk {
 public:
  SmallDisk(fs::path path, const char* options) : path_(std::move(path)) {
    fs::create_directories(path_);
    is_mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, options) == 0;
    if (!is_mounted_) reason_ = std::strerror(errno);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (is_mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  [[nodiscard]] bool is_mounted() const { return is_mounted_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  fs::path path_;
  bool is_mounted_ = false;
  std::string reason_;
};

/// Nobody's rights, where the test has root's, as long as it lives.
class WithoutRoot {
 public:
  WithoutRoot() {
    constexpr uid_t kNobody = 65534;
    is_root_ = ::geteuid() == 0 && ::seteuid(kNobody) == 0;
  }
  WithoutRoot(const WithoutRoot&) = delete;
  WithoutRoot& operator=(const WithoutRoot&) = delete;
  ~WithoutRoot() {
    if (is_root_ && ::seteuid(0) != 0) ADD_FAILURE() << "root's rights do not come back";
  }

 private:
  bool is_root_;
};

class Failing : public DestinationFolder {
 protected:
  /// Records that do not pack well, until one is refused.
  static base::Expected<void> fill(Publisher& publisher, std::int64_t slot) {
    constexpr std::uint32_t kRecords = 60'000;
    for (std::uint32_t i = 0; i < kRecords; ++i) {
      record::Record record = record_at(slot, static_cast<std::uint16_t>(i * 7919U));
      record.flow.srcaddr = base::Address::from_ipv4(i * 2'654'435'761U);
      if (auto added = publisher.add(record); !added) return added;
    }
    return {};
  }
};

TEST_F(Failing, AFullDiskStopsTheObjectAndKeepsThoseThatAreWhole) {
  const SmallDisk disk(root_, "size=128k");
  if (!disk.is_mounted()) GTEST_SKIP() << "a small file system needs root: " << disk.reason();
  Publisher publisher = open();
  ASSERT_TRUE(publisher.add(record_at(kSlotOfTests)));
  ASSERT_TRUE(publisher.publish_before(record::at(kSlotOfTests + 300)));
  const auto filled = fill(publisher, kSlotOfTests + 300);
  ASSERT_FALSE(filled);
  EXPECT_THAT(filled.error().where, HasSubstr("_20180620T1625Z_0.tmp"));
  EXPECT_EQ(filled.error().what, "cannot be written: No space left on device");
  EXPECT_EQ(filled.error().hint, "free some space");
  EXPECT_TRUE(publisher.finish());
  ASSERT_THAT(files(), SizeIs(1)) << "the first object, and no temporary file";
  EXPECT_THAT(gzip_lines(files()[0]), SizeIs(2));
}

TEST_F(Failing, AFullDiskIsAnErrorOfParquetToo) {
  const SmallDisk disk(root_, "size=128k");
  if (!disk.is_mounted()) GTEST_SKIP() << "a small file system needs root: " << disk.reason();
  flow_log_.file_format = FileFormat::parquet;
  Publisher publisher = open();
  ASSERT_TRUE(publisher.add(record_at(kSlotOfTests)));
  ASSERT_TRUE(publisher.publish_before(record::at(kSlotOfTests + 300)));
  ASSERT_TRUE(fill(publisher, kSlotOfTests + 300)) << "records wait in memory";
  const auto finished = publisher.finish();
  ASSERT_FALSE(finished);
  EXPECT_THAT(finished.error().message(), HasSubstr("_20180620T1625Z_0.tmp"));
  EXPECT_THAT(finished.error().message(), HasSubstr("No space left on device"));
  EXPECT_THAT(finished.error().hint, HasSubstr("free some space"));
  ASSERT_THAT(files(), SizeIs(1)) << "the first object, and no temporary file";
  EXPECT_EQ(sql("SELECT count(*) FROM '" + files()[0].string() + "'")[0][0], "1");
}

TEST_F(Failing, FinishPublishesWhatItCanAndReportsTheFirstError) {
  Publisher publisher = open();
  ASSERT_TRUE(publisher.add(record_at(kSlotOfTests)));
  ASSERT_TRUE(publisher.add(record_at(kSlotOfTests + 300)));
  fs::remove(files().at(0));  // so that there is nothing to rename
  const auto finished = publisher.finish();
  ASSERT_FALSE(finished);
  EXPECT_THAT(finished.error().message(), HasSubstr("_20180620T1620Z_"));
  EXPECT_THAT(finished.error().message(), HasSubstr("cannot be renamed to: No such file"));
  ASSERT_THAT(files(), SizeIs(1));
  EXPECT_THAT(files()[0].string(), HasSubstr("_20180620T1625Z_"));
  EXPECT_THAT(publisher.take_published(), SizeIs(1));
}

TEST_F(Failing, AFolderThatMayNotBeWrittenIsNamed) {
  fs::create_directories(root_);
  fs::permissions(root_, fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read |
                             fs::perms::others_exec);
  const WithoutRoot without_root;
  Publisher publisher = open();
  const auto added = publisher.add(record_at(kSlotOfTests));
  ASSERT_FALSE(added);
  EXPECT_EQ(
      added.error().message(),
      (root_ / "AWSLogs").string() + ": cannot be made: Permission denied; check its permissions");
}

TEST_F(Failing, AFileIsNoDestination) {
  std::ofstream(root_) << "a file";
  const auto publisher = Publisher::open(root_.string(), flow_log_);
  ASSERT_FALSE(publisher);
  EXPECT_EQ(publisher.error().message(),
            root_.string() + ": cannot be written to: Not a directory");
}

TEST_F(Failing, AFolderThatBecameAFileIsAnErrorAndFinishKeepsTheRest) {
  Publisher publisher = open();
  ASSERT_TRUE(publisher.add(record_at(kSlotOfTests)));
  const fs::path day = files().at(0).parent_path();
  std::ofstream(day.parent_path() / "21") << "a file";
  const auto added = publisher.add(record_at(kSlotOfTests + 86400));
  ASSERT_FALSE(added);
  EXPECT_THAT(added.error().message(), HasSubstr("2018/06/21"));
  EXPECT_THAT(added.error().message(), HasSubstr("File exists"));
  EXPECT_TRUE(publisher.finish());
  EXPECT_THAT(publisher.take_published(), SizeIs(1));
}

}  // namespace
}  // namespace weir::deliver
