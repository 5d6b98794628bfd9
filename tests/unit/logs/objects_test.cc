// Keys in AWS's layouts, and which files of a folder are objects.
#include "logs/objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace weir::logs {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

constexpr const char* kName =
    "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456.log.gz";
const std::chrono::sys_days kDay(std::chrono::year(2018) / 6 / 20);

TEST(Key, EachOfTheFourLayoutsTellsTheSame) {
  const std::string hive =
      "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2018/"
      "month=06/day=20/";
  const std::string plain = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/";
  for (const std::string& folder :
       {plain, plain + "16/", hive, hive + "hour=16/", std::string(), "/tmp/AWSLogs/old/" + plain,
        "AWSLogs/o-exampleorgid/" + plain.substr(8)}) {
    const Key key = read_key(folder + kName);
    EXPECT_EQ(key.account_id, "123456789012") << folder;
    EXPECT_EQ(key.region, "us-east-1");
    EXPECT_EQ(key.flow_log_id, "fl-1234abcd");
    EXPECT_EQ(key.date, kDay);
    EXPECT_EQ(key.hour, 16);
    EXPECT_EQ(key.slot, base::UnixSeconds(kDay) + std::chrono::minutes(16 * 60 + 20));
  }
}

TEST(Key, FoldersTellWhatAnotherNameDoesNot) {
  const Key key = read_key("AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/07/part-0.gz");
  EXPECT_EQ(key.date, kDay);
  EXPECT_EQ(key.hour, 7);
  EXPECT_FALSE(key.slot);
}

TEST(Key, WhatIsNoDateIsNone) {
  for (const char* path :
       {"AWSLogs/1/vpcflowlogs/us-east-1/2018/02/30/x.log", "AWSLogs/1/vpcflowlogs/r/18/6/2/x.log",
        "AWSLogs/1/elasticloadbalancing/us-east-1/2018/06/20/x.log", "x.log", "", "AWSLogs",
        "_____", "1_vpcflowlogs_r_fl-1_20180631T1620Z_0.log.gz",
        "1_vpcflowlogs_r_fl-1_20180620T2460Z_0.log"}) {
    EXPECT_FALSE(read_key(path).date) << path;
    EXPECT_FALSE(read_key(path).slot) << path;
  }
}

class Objects : public ::testing::Test {
 protected:
  Objects() : folder_(fs::path(::testing::TempDir()) / ("objects-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~Objects() override { fs::remove_all(folder_); }

  void put(const std::string& name, const std::string& content = "x") const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << content;
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_ / name).string();
  }
  [[nodiscard]] std::vector<std::string> listed(const std::vector<std::string>& sources) const {
    std::vector<std::string> names;
    const auto objects = list_objects(sources);
    for (const Object& object : objects.value()) {
      names.push_back(fs::relative(object.path, folder_).string());
    }
    return names;
  }

  fs::path folder_;
};

TEST_F(Objects, OfAFolderAreWhatIsNamedLikeALog) {
  for (const char* name :
       {"a.log", "b/c.log.gz", "b/d.parquet", "e.txt", "f.zst", "notes.md", ".hidden.log", "log",
        "s-1-2026-11-23-14-05-09-0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f", "aws-logs-write-test"}) {
    put(name);
  }
  EXPECT_THAT(listed({folder_.string()}),
              ElementsAre("a.log", "b/c.log.gz", "b/d.parquet", "e.txt", "f.zst",
                          "s-1-2026-11-23-14-05-09-0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"));
}

TEST_F(Objects, AreEachListedOnceAndANamedFileMayBeCalledAnything) {
  put("a.log");
  put("odd");
  EXPECT_THAT(listed({folder_.string(), path("a.log"), path("*"), path("./odd"), folder_.string()}),
              ElementsAre("a.log", "odd"));
}

TEST_F(Objects, AreParquetByNameInAFolderAndByContentWhenNamed) {
  put("odd", "PAR1....PAR1");
  put("x.parquet", "");
  EXPECT_EQ(list_objects({path("odd")}).value().at(0).kind, ObjectKind::parquet);
  EXPECT_EQ(list_objects({path("x.parquet")}).value().at(0).kind, ObjectKind::parquet);
  EXPECT_EQ(kind_of(path("nosuch")), ObjectKind::text);
}

TEST_F(Objects, ThatAreNotThereAreAnError) {
  put("notes.md");
  for (const std::string& source : {path("nosuch"), path("*.log"), folder_.string()}) {
    const auto found = list_objects({source});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().where, source);
  }
}

/// What sources that cannot be had are told to be, to a user who owns nothing. One thread alone
/// becomes it, by the kernel's call: libc's has all threads do so.
std::string told_to_nobody(const std::string& source) {
  constexpr uid_t kNobody = 65534;
  std::string told;
  std::thread([&] {
    if (geteuid() == 0 && syscall(SYS_setresuid, -1, kNobody, -1) != 0) return;
    const auto found = list_objects({source});
    told = found ? "is there" : found.error().message();
  }).join();
  return told;
}

TEST_F(Objects, ThatOneMayNotSeeAreNotSaidToBeMissing) {
  put("closed/b/a.log");
  fs::permissions(path("closed"), fs::perms::none);
  for (const char* source : {"closed/b", "closed/b/a.log", "closed/*.log", "closed/nosuch"}) {
    EXPECT_EQ(told_to_nobody(path(source)),
              path(source) + ": cannot be read: Permission denied; check its permissions");
  }
  // Who may go through a folder, but not list it, finds what he knows the name of.
  fs::permissions(path("closed"),
                  fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec);
  EXPECT_EQ(told_to_nobody(path("closed/b/a.log")), "is there");
  EXPECT_EQ(told_to_nobody(path("closed/nosuch")),
            path("closed/nosuch") + ": is not there; give a folder, a file, a glob or -");
  for (const char* source : {"closed/*/a.log", "*/*/a.log"}) {
    EXPECT_EQ(told_to_nobody(path(source)),
              path(source) + ": cannot be read: Permission denied; check its permissions");
  }
  EXPECT_EQ(told_to_nobody(path("closed")),
            path("closed") + ": cannot be listed: Permission denied");
  fs::permissions(path("closed"), fs::perms::owner_all);
}

TEST_F(Objects, OfAFolderThatLinksToItselfAreListedOnce) {
  put("a/b.log");
  fs::create_directory_symlink(folder_ / "a", folder_ / "a" / "loop");
  EXPECT_THAT(listed({folder_.string()}), ElementsAre("a/b.log"));
}

}  // namespace
}  // namespace weir::logs
