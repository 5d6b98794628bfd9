#include "deliver/shared_sync.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "spool_folder.h"

namespace weir::deliver {
namespace {

using SharedSyncing = SpoolFolder;
constexpr unsigned kThreads = 4;

/// Holds the first sync after `counts` was set until so many segments are removed, or somebody has
/// waited for that too long.
class HoldingDisk : public Disk {
 public:
  struct Orders {
    std::mutex mutex;
    std::condition_variable changed;
    bool counts = false;
    unsigned removed = 0;
    unsigned syncs = 0;
  };
  explicit HoldingDisk(Orders& orders) : orders_(orders) {}

  base::Expected<void> remove(const fs::path& file) override {
    auto done = Disk::remove(file);
    const std::scoped_lock lock(orders_.mutex);
    if (orders_.counts) ++orders_.removed;
    orders_.changed.notify_all();
    return done;
  }
  base::Expected<void> sync_folder(const fs::path& folder) override {
    {
      std::unique_lock lock(orders_.mutex);
      const auto are_removed = [this] { return orders_.removed == kThreads; };
      if (orders_.counts && orders_.syncs++ == 0) {
        EXPECT_TRUE(orders_.changed.wait_for(lock, std::chrono::seconds(60), are_removed));
      }
    }
    return Disk::sync_folder(folder);
  }

 private:
  Orders& orders_;
};

TEST_F(SharedSyncing, NobodyWhoFreesASegmentKeepsOthersFromFreeing) {
  HoldingDisk::Orders orders;
  Spool spool = open(roomy(), std::make_unique<HoldingDisk>(orders));
  std::vector<std::uint64_t> taken;
  for (unsigned i = 0; i < kThreads; ++i) {
    ASSERT_TRUE(seal(spool, std::to_string(i), static_cast<int>(i)));
    taken.push_back(spool.take([](std::uint64_t) { return true; }).value().sequence);
  }
  orders.counts = true;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (const std::uint64_t sequence : taken) {
    threads.emplace_back([&spool, sequence] { spool.free(sequence); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(spool.status().delivered, kThreads);
  EXPECT_EQ(spool.status().waiting, 0U);
}

/// Counts, and fails as often as it is told.
class CountingDisk : public Disk {
 public:
  base::Expected<void> sync_folder(const fs::path& folder) override {
    ++syncs;
    if (before) std::exchange(before, {})();
    if (failures == 0) return {};
    --failures;
    return base::fail(folder.string(), "cannot be synced");
  }
  unsigned syncs = 0;
  unsigned failures = 0;
  std::function<void()> before;  ///< of the next sync
};

TEST(SharedSync, ASyncThatHadBegunBeforeIsNotEnough) {
  CountingDisk disk;
  SharedSync shared;
  std::vector<std::thread> threads;
  std::atomic<unsigned> begun = 0;
  disk.before = [&] {
    for (unsigned i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        ++begun;
        EXPECT_TRUE(shared.sync(disk, "folder"));
      });
    }
    while (begun != kThreads) std::this_thread::yield();
  };
  EXPECT_TRUE(shared.sync(disk, "folder"));
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(disk.syncs, 2U);
}

TEST(SharedSync, AFailedSyncIsNobodys) {
  CountingDisk disk;
  disk.failures = 1;
  SharedSync shared;
  EXPECT_FALSE(shared.sync(disk, "folder"));
  EXPECT_TRUE(shared.sync(disk, "folder"));
  EXPECT_EQ(disk.syncs, 2U);
}

}  // namespace
}  // namespace weir::deliver
