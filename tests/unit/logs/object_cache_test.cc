// What was kept comes back as it was or not at all, whoever did what to the folder, and there is
// never more of it than there may be.
#include "logs/object_cache.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <random>
#include <thread>
#include <vector>

namespace weir::logs {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20U;
constexpr std::uint64_t kPart = 60'000;
constexpr std::uint64_t kRoom = 61'440;  // that one takes up, in blocks of 4,096

Object object_of(const std::string& key, const std::string& etag = "one") {
  Object object;
  object.path = object.name = "s3://b/" + key;
  object.bytes = kPart;
  object.etag = etag;
  return object;
}

std::string content_of(const std::string& key, std::uint64_t bytes = kPart) {
  std::minstd_rand random(static_cast<unsigned>(std::hash<std::string>()(key)));
  std::string some(997, '\0');  // so that no block of a disk is like the next
  for (char& each : some) each = static_cast<char>(random());
  std::string text;
  while (text.size() < bytes) text += some;
  text.resize(bytes);
  return text;
}

constexpr aws::ByteRange kWhole{0, kPart};

class ObjectCacheTest : public testing::Test {
 protected:
  ObjectCacheTest() {
    std::string name = (fs::temp_directory_path() / "weir-cache-XXXXXX").string();
    above_ = ::mkdtemp(name.data());
    folder_ = above_ / "cache";
  }
  ~ObjectCacheTest() override {
    if (is_mounted_) ::umount(folder_.c_str());
    fs::remove_all(above_);
  }

  [[nodiscard]] std::unique_ptr<ObjectCache> open(std::uint64_t most_bytes = kMegabyte,
                                                  const std::string& endpoint = "http://s3") const {
    return ObjectCache::open(folder_, most_bytes, endpoint).value();
  }
  static void put(ObjectCache& cache, const std::string& key) {
    cache.put(object_of(key), kWhole, content_of(key));
  }
  static bool has(ObjectCache& cache, const std::string& key) {
    const auto kept = cache.get(object_of(key), kWhole);
    EXPECT_TRUE(!kept || *kept == content_of(key)) << key;
    return kept.has_value();
  }
  [[nodiscard]] std::vector<fs::path> files() const {
    return {fs::directory_iterator(folder_), fs::directory_iterator()};
  }
  /// Of the disk.
  [[nodiscard]] std::uint64_t taken_up() const {
    constexpr std::uint64_t kUnit = 512;
    std::uint64_t all = 0;
    for (const fs::path& file : files()) {
      struct stat status {};
      if (::lstat(file.c_str(), &status) == 0) {
        all += static_cast<std::uint64_t>(status.st_blocks) * kUnit;
      }
    }
    return all;
  }
  /// As if it had last been used so long ago.
  static void age(const fs::path& file, std::chrono::seconds by) {
    fs::last_write_time(file, fs::file_time_type::clock::now() - by);
  }
  bool mount(const char* options) {
    fs::create_directory(folder_);
    is_mounted_ = ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, options) == 0;
    return is_mounted_;
  }

  fs::path above_;
  fs::path folder_;
  bool is_mounted_ = false;
};

TEST_F(ObjectCacheTest, OnlyTheSamePartOfTheSameObjectOfTheSameServerIsGot) {
  auto cache = open();
  const Object object = object_of("a");
  EXPECT_FALSE(has(*cache, "a"));
  put(*cache, "a");
  EXPECT_TRUE(has(*cache, "a"));
  EXPECT_TRUE(has(*open(), "a")) << "another program";
  EXPECT_FALSE(open(kMegabyte, "http://other")->get(object, kWhole));
  EXPECT_FALSE(cache->get(object_of("b"), kWhole));
  EXPECT_FALSE(cache->get(object_of("a", "two"), kWhole)) << "it has changed";
  EXPECT_FALSE(cache->get(object, {0, kPart - 1}));
  EXPECT_FALSE(cache->get(object, {1, kPart - 1}));
  Object longer = object;
  ++longer.bytes;
  EXPECT_FALSE(cache->get(longer, kWhole));
  EXPECT_EQ(cache->hits(), 1U);
  EXPECT_EQ(cache->bytes_hit(), kPart);
}

TEST_F(ObjectCacheTest, NobodyElseMayReadItAndNamesTellNothing) {
  auto cache = ObjectCache::open(above_ / "deep/er/", kMegabyte, "").value();
  put(*cache, "secret-name");
  folder_ = above_ / "deep/er";
  EXPECT_EQ(fs::status(folder_).permissions(), fs::perms::owner_all);
  ASSERT_THAT(files(), SizeIs(1));
  EXPECT_EQ(fs::status(files().front()).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_THAT(files().front().string(), testing::Not(HasSubstr("secret")));
}

TEST_F(ObjectCacheTest, WhatIsDamagedIsRemovedAndMayBePutAgain) {
  auto cache = open();
  const std::string whole = [&] {
    put(*cache, "a");
    std::ifstream file(files().front(), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }();
  const fs::path path = files().front();
  std::vector<std::string> damaged = {"",
                                      whole.substr(0, 31),
                                      whole.substr(0, 32),
                                      whole.substr(0, whole.size() - 1),
                                      whole + '\0',
                                      std::string(whole.size(), '\0')};
  for (const std::size_t place :
       {std::size_t{0}, std::size_t{31}, std::size_t{32}, whole.size() / 2, whole.size() - 1}) {
    damaged.push_back(whole);
    damaged.back()[place] ^= 1;
  }
  // A torn write: the disk has the end, and not the middle.
  damaged.push_back(whole);
  damaged.back().replace(4096, 4096, 4096, '\0');
  for (const std::string& each : damaged) {
    std::ofstream(path, std::ios::binary) << each;
    EXPECT_FALSE(has(*cache, "a"));
    EXPECT_THAT(files(), IsEmpty());
    put(*cache, "a");
    EXPECT_TRUE(has(*cache, "a"));
  }
  EXPECT_FALSE(cache->failure());
}

TEST_F(ObjectCacheTest, AFileThatIsNotOursIsNoAnswer) {
  auto cache = open();
  put(*cache, "a");
  const fs::path path = files().front();
  // Whole, of another object.
  put(*cache, "b");
  fs::path of_b;
  for (const fs::path& file : files()) of_b = file == path ? of_b : file;
  fs::rename(of_b, path);
  EXPECT_FALSE(has(*cache, "a"));
  // What cannot be read: a pipe would be waited for.
  ASSERT_EQ(::mkfifo(path.c_str(), S_IRUSR | S_IWUSR), 0);
  EXPECT_FALSE(has(*cache, "a"));
  put(*cache, "a");
  fs::rename(path, above_ / "a");
  fs::create_symlink(above_ / "a", path);
  EXPECT_FALSE(has(*cache, "a"));
  put(*cache, "a");
  EXPECT_TRUE(has(*cache, "a"));
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_FALSE(has(*cache, "a"));
  fs::remove(path);
  put(*cache, "a");
  EXPECT_TRUE(has(*cache, "a"));
  if (::chown(path.c_str(), 1, 1) != 0) GTEST_SKIP() << "another's file takes root's rights";
  EXPECT_FALSE(has(*cache, "a")) << "another's";
}

TEST_F(ObjectCacheTest, WhatWasUsedLongestAgoGivesWayAndNothingOfOthers) {
  constexpr std::uint64_t kMost = 32 * kRoom;
  fs::create_directory(folder_);
  std::ofstream(folder_ / std::string(64, 'a')) << content_of("mine", 3 * kMegabyte);
  auto cache = open(kMost);
  for (int i = 0; i < 32; ++i) {
    put(*cache, std::to_string(i));
    for (const fs::path& file : files()) {
      const bool is_new = fs::last_write_time(file) > fs::file_time_type::clock::now() - 500s;
      if (is_new && file.extension() == ".weir-cache") age(file, 2000s - i * 1s);
    }
  }
  EXPECT_TRUE(has(*cache, "0"));
  put(*cache, "32");
  EXPECT_TRUE(has(*cache, "32"));
  EXPECT_TRUE(has(*cache, "0")) << "the oldest, but used last";
  for (const char* oldest : {"1", "2", "3"}) EXPECT_FALSE(has(*cache, oldest));
  int kept = 0;
  for (int i = 0; i < 32; ++i) kept += has(*cache, std::to_string(i)) ? 1 : 0;
  EXPECT_EQ(kept, 29) << "a sixteenth, and the room for the new one";
  EXPECT_EQ(fs::file_size(folder_ / std::string(64, 'a')), 3 * kMegabyte);
}

TEST_F(ObjectCacheTest, WhatAWriterThatDiedLeftGoesWithTheOldest) {
  auto cache = open(20 * kRoom);
  const fs::path left = folder_ / "new-abcdef.weir-cache";
  std::ofstream(left) << content_of("half");
  age(left, 60s);
  for (int i = 0; i < 20; ++i) put(*cache, std::to_string(i));
  EXPECT_FALSE(fs::exists(left));
  EXPECT_LE(taken_up(), 20 * kRoom);
}

TEST_F(ObjectCacheTest, TheBoundHoldsAtEveryMomentWhateverComes) {
  auto cache = open(kMegabyte);
  std::minstd_rand random(1);
  for (int i = 0; i < 400; ++i) {
    Object object = object_of(std::to_string(i));
    object.bytes = random() % (i % 9 == 0 ? kMegabyte : kMegabyte / 40) + 1;
    cache->put(object, {0, object.bytes}, content_of(object.path, object.bytes));
    ASSERT_LE(taken_up(), kMegabyte);
    if (i % 50 == 49) cache = open(kMegabyte);
  }
  EXPECT_GT(taken_up(), kMegabyte / 2);
  cache = open(kMegabyte / 4);
  put(*cache, "less");
  EXPECT_LE(taken_up(), kMegabyte / 4) << "from now on less may be kept";
  EXPECT_FALSE(cache->failure());
}

TEST_F(ObjectCacheTest, SeveralThreadsAndProgramsShareAFolder) {
  constexpr int kPrograms = 3;
  constexpr int kThreads = 2;
  constexpr int kSteps = 150;
  constexpr int kObjects = 40;
  constexpr std::uint64_t kMost = 24 * kRoom;
  std::vector<std::unique_ptr<ObjectCache>> programs;
  for (int i = 0; i < kPrograms; ++i) programs.push_back(open(kMost));
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kPrograms * kThreads; ++i) {
      threads.emplace_back([&, i] {
        ObjectCache& cache = *programs[static_cast<std::size_t>(i / kThreads)];
        std::minstd_rand random(static_cast<unsigned>(i + 1));
        for (int step = 0; step < kSteps; ++step) {
          const std::string key = std::to_string(random() % kObjects);
          if (!has(cache, key)) put(cache, key);
        }
      });
    }
  }
  std::uint64_t hits = 0;
  for (const auto& program : programs) {
    hits += program->hits();
    EXPECT_FALSE(program->failure());
  }
  EXPECT_GT(hits, 0U);
  EXPECT_LE(taken_up(), kMost + (kPrograms - 1) * kMost / 16);
}

TEST_F(ObjectCacheTest, AFullDiskIsToldAndWhatIsThereStays) {
  if (!mount("size=256k,mode=0700")) GTEST_SKIP() << "tmpfs takes root's rights";
  auto cache = open(kMegabyte);
  for (int i = 0; i < 9; ++i) put(*cache, std::to_string(i));
  ASSERT_TRUE(cache->failure());
  EXPECT_EQ(cache->failure()->where, folder_);
  EXPECT_THAT(cache->failure()->what, HasSubstr("No space left on device"));
  EXPECT_TRUE(has(*cache, "0"));
  EXPECT_TRUE(has(*cache, "1"));
  EXPECT_FALSE(has(*cache, "8"));
  for (const fs::path& file : files()) EXPECT_THAT(file.string(), testing::Not(HasSubstr("new-")));
}

TEST_F(ObjectCacheTest, AFolderThatMayNotBeWrittenIsReadAndToldOnlyWhenSomethingIsToBeKept) {
  if (!mount("size=1m,mode=0700")) GTEST_SKIP() << "tmpfs takes root's rights";
  put(*open(), "a");
  ASSERT_EQ(::mount(nullptr, folder_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  auto cache = open();
  EXPECT_TRUE(has(*cache, "a"));
  EXPECT_FALSE(cache->failure());
  put(*cache, "b");
  ASSERT_TRUE(cache->failure());
  EXPECT_THAT(cache->failure()->what, HasSubstr("Read-only file system"));
}

TEST_F(ObjectCacheTest, AFolderThatGoesMeanwhileIsTold) {
  auto cache = open();
  put(*cache, "a");
  fs::remove_all(folder_);
  EXPECT_FALSE(has(*cache, "a"));
  put(*cache, "b");
  EXPECT_TRUE(cache->failure());
}

TEST_F(ObjectCacheTest, AFolderThatCannotBeIsAnError) {
  std::ofstream(above_ / "file") << "mine";
  for (const fs::path& folder :
       {above_ / "file", above_ / "file/below", fs::path("/proc/none/of")}) {
    const auto cache = ObjectCache::open(folder, kMegabyte, "");
    ASSERT_FALSE(cache) << folder;
    EXPECT_THAT(cache.error().what, HasSubstr("cannot be made: "));
  }
  EXPECT_EQ(fs::file_size(above_ / "file"), 4U);
}

}  // namespace
}  // namespace weir::logs
