#include "deliver/spool.h"

#include <gmock/gmock.h>

#include <set>

#include "deliver/segment_folder.h"
#include "spool_folder.h"

namespace weir::deliver {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::StartsWith;

using Spooling = SpoolFolder;

/// The minutes before, each of which `seal` gave to one.
Coverage covered_until(int number) {
  Coverage out;
  out.add("eni-a", minute(0), minute(number));
  return out;
}

const auto kAny = [](std::uint64_t) { return true; };

TEST_F(Spooling, WhatWasSealedIsOfferedInOrderAndFreed) {
  Spool spool = open();
  ASSERT_TRUE(seal(spool, "a", 1));
  ASSERT_TRUE(seal(spool, "b", 2));
  const auto first = spool.take(kAny);
  const auto second = spool.take(kAny);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->key, "a");
  EXPECT_EQ(first->records, 3U);
  EXPECT_EQ(bytes_of(first->file).substr(0, first->bytes), payload_of("a"));
  EXPECT_EQ(second->key, "b");
  EXPECT_FALSE(spool.take(kAny));
  EXPECT_EQ(spool.status().waiting_since, minute(1));
  spool.give_back(second->sequence);
  spool.free(first->sequence);
  EXPECT_EQ(spool.status().waiting_since, minute(2));
  EXPECT_EQ(spool.take(kAny)->key, "b");
  EXPECT_THAT(segments(), SizeIs(1));
  EXPECT_EQ(spool.status().waiting, 1U);
  EXPECT_EQ(spool.status().waiting_bytes, fs::file_size(segments()[0]));
}

TEST_F(Spooling, ARestartFindsWhatWaitsAndGoesOnBehindIt) {
  std::uint64_t last = 0;
  for (int run = 1; run <= 3; ++run) {
    Spool spool = open();
    EXPECT_EQ(spool.opening(), static_cast<std::uint64_t>(run));
    EXPECT_EQ(spool.status().waiting, static_cast<std::uint64_t>(run - 1));
    const auto since = run > 1 ? std::optional(minute(1)) : std::nullopt;
    EXPECT_EQ(spool.status().waiting_since, since);
    ASSERT_TRUE(seal(spool, std::to_string(run), run));
    std::uint64_t newest = 0;
    while (const auto segment = spool.take(kAny)) {
      newest = segment->sequence;
      EXPECT_EQ(segment->sha256, sha256_of(payload_of(segment->key)));
    }
    EXPECT_GT(newest, last);
    last = newest;
  }
}

TEST_F(Spooling, AHashThatCannotBeIsDamageAndNoneIsNone) {
  const std::string payload = payload_of("a");
  const auto segment_with = [&](const std::string& hash) {
    fs::remove_all(root_);
    {
      Spool spool = open();
      write(spool.writing_folder() / "a", payload);
      EXPECT_TRUE(spool.seal(spool.writing_folder() / "a", {"a", 3, covered(1)}));
    }
    const fs::path file = segments().at(0);
    const std::string ending = bytes_of(file).substr(payload.size());
    std::string json = ending.substr(1, ending.find('\n', 1) - 1);
    write(file, payload + with_last_line(json.insert(1, hash)));
    Spool spool = open();
    EXPECT_EQ(spool.status().damaged + spool.status().waiting, 1U) << hash;
    return spool.take(kAny);
  };
  const auto none = segment_with("");  // as events have none
  ASSERT_TRUE(none);
  EXPECT_EQ(none->sha256, std::nullopt);
  const std::string digits = base::hex(sha256_of(payload));
  EXPECT_EQ(segment_with("\"sha256\":\"" + digits + "\",")->sha256, sha256_of(payload));
  for (const std::string wrong : {"7", "\"\"", "\"0\"", "null"}) {
    EXPECT_FALSE(segment_with("\"sha256\":" + wrong + ",")) << wrong;
  }
}

TEST_F(Spooling, SequencesRiseEvenWhenAllWasFreed) {
  std::uint64_t first = 0;
  for (int run = 0; run < 2; ++run) {
    Spool spool = open();
    ASSERT_TRUE(seal(spool, "a", 1));
    const auto segment = spool.take(kAny);
    EXPECT_GT(segment->sequence, first);
    first = segment->sequence;
    spool.free(first);
  }
}

TEST_F(Spooling, NumbersAreGivenOnce) {
  std::set<std::uint64_t> given;
  for (int run = 0; run < 3; ++run) {
    Spool spool = open();
    for (int i = 0; i < 3; ++i) given.insert(spool.million_numbers());
  }
  ASSERT_THAT(given, SizeIs(9));
  for (auto each = std::next(given.begin()); each != given.end(); ++each) {
    EXPECT_GE(*each - *std::prev(each), 1'000'000U);
  }
}

TEST_F(Spooling, WhatWasNotSealedIsRemovedAndCounted) {
  {
    Spool spool = open();
    write(spool.writing_folder() / "half", "half an obj");
  }
  Spool spool = open();
  EXPECT_EQ(spool.status().unsealed, 1U);
  EXPECT_THAT(offered(spool), IsEmpty());
  EXPECT_TRUE(fs::is_empty(spool.writing_folder()));
}

TEST_F(Spooling, OnlyOneProcessHasIt) {
  const Spool spool = open();
  const auto second = Spool::open(root_, roomy(), [](const base::LogLine&) {});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr("is in use by another process"));
}

TEST_F(Spooling, TheOldestGiveWayWhenTheLimitIsReached) {
  Spool spool = open({.bytes = 1'000, .leave_free = 0});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(seal(spool, std::to_string(i), i, 200));
  EXPECT_LE(spool.status().waiting_bytes, 1'000U);
  EXPECT_EQ(spool.status().waiting + spool.status().given_up, 5U);
  EXPECT_EQ(spool.status().lost_records, spool.status().given_up * 3);
  const auto given_up = static_cast<int>(spool.status().given_up);
  ASSERT_GT(given_up, 1);
  ASSERT_LT(given_up, 5);
  Coverage expected;
  expected.add("eni-a", minute(0), minute(given_up));
  EXPECT_EQ(spool.lost(), expected);
  EXPECT_THAT(said_, SizeIs(given_up));
  EXPECT_THAT(said_, Each(StartsWith("3 ")));
  EXPECT_EQ(spool.take(kAny)->key, std::to_string(given_up)) << "the oldest that is left";
}

TEST_F(Spooling, WhatIsUnderWayDoesNotGiveWay) {
  Spool spool = open({.bytes = 700, .leave_free = 0});
  ASSERT_TRUE(seal(spool, "under-way", 0, 200));
  const auto taken = spool.take(kAny);
  for (int i = 1; i < 4; ++i) ASSERT_TRUE(seal(spool, std::to_string(i), i, 200));
  EXPECT_TRUE(fs::exists(taken->file));
  EXPECT_EQ(spool.lost().interfaces().at("eni-a").begin()->first, minute(1));
}

TEST_F(Spooling, ASegmentLargerThanTheLimitIsGivenUpItself) {
  Spool spool = open({.bytes = 100, .leave_free = 0});
  ASSERT_TRUE(seal(spool, "large", 0, 1'000));
  EXPECT_EQ(spool.lost(), covered(0));
  EXPECT_THAT(segments(), IsEmpty());
}

TEST_F(Spooling, WhatWasLostIsKeptOverARestartUntilItIsTold) {
  {
    Spool spool = open();
    spool.lose({"", 7, covered(3)}, {"disk", "is full", ""});
    EXPECT_EQ(spool.status().lost_records, 7U);
  }
  {
    Spool spool = open();
    EXPECT_EQ(spool.lost(), covered(3));
    spool.forget_lost(covered(3));
  }
  EXPECT_TRUE(open().lost().empty());
}

/// Has so much room left, and fails if it is told to.
class PoorDisk : public Disk {
 public:
  struct Orders {
    std::uint64_t available = std::uint64_t{1} << 40U;
    bool frees = false;  ///< what is removed becomes available
    bool fails_appending = false;
    bool fails_syncing_folders = false;
    bool fails_removing = false;
    bool fails_reading = false;
    bool fails_looking = false;  ///< how long a segment is
  };
  explicit PoorDisk(Orders& orders) : orders_(orders) {}

  base::Expected<void> append_synced(const fs::path& file, std::string_view bytes) override {
    if (!orders_.fails_appending) return Disk::append_synced(file, bytes);
    // Half of it is there.
    static_cast<void>(Disk::append_synced(file, bytes.substr(0, bytes.size() / 2)));
    return base::fail(file.string(), "cannot be written: No space left on device");
  }
  base::Expected<void> sync_folder(const fs::path& folder) override {
    if (!orders_.fails_syncing_folders) return Disk::sync_folder(folder);
    return base::fail(folder.string(), "cannot be synced: Input/output error");
  }
  base::Expected<void> remove(const fs::path& file) override {
    const bool fails = orders_.fails_removing && file.extension() == ".segment";
    if (orders_.frees && fs::exists(file)) orders_.available += fs::file_size(file);
    if (!fails) return Disk::remove(file);
    return base::fail(file.string(), "cannot be removed: Read-only file system");
  }
  base::Expected<std::string> read(const fs::path& file, std::uint64_t offset,
                                   std::size_t count) override {
    const bool fails = orders_.fails_reading && file.parent_path().filename() != "writing";
    if (!fails) return Disk::read(file, offset, count);
    return base::fail(file.string(), "cannot be read: Input/output error");
  }
  base::Expected<std::uint64_t> size(const fs::path& file) override {
    if (!orders_.fails_looking || file.extension() != ".segment") return Disk::size(file);
    return base::fail(file.string(), "cannot be read: Input/output error");
  }
  base::Expected<std::uint64_t> available(const fs::path& /*folder*/) override {
    return orders_.available;
  }

 private:
  Orders& orders_;
};

TEST_F(Spooling, TheFileSystemKeepsRoomForOthers) {
  PoorDisk::Orders orders;
  Spool spool = open({.bytes = 1U << 20U, .leave_free = 1'000}, std::make_unique<PoorDisk>(orders));
  ASSERT_TRUE(seal(spool, "a", 0));
  EXPECT_EQ(spool.status().waiting, 1U);
  orders.available = 999;
  ASSERT_TRUE(seal(spool, "b", 1));
  EXPECT_EQ(spool.lost(), covered(0));
  ASSERT_TRUE(seal(spool, "c", 2));
  EXPECT_EQ(spool.lost(), covered_until(2));
}

TEST_F(Spooling, NoMoreGivesWayThanIsLackingWhereTheFileSystemFreesItLater) {
  PoorDisk::Orders orders;
  Spool spool = open(roomy(), std::make_unique<PoorDisk>(orders));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(seal(spool, std::to_string(i), i, 1'000));
  orders.available = 1'000;
  spool.make_room(3'000);
  EXPECT_EQ(spool.lost(), covered_until(2));
}

TEST_F(Spooling, WhatOthersHaveFilledIsNotMadeFreeByThrowingOursAway) {
  PoorDisk::Orders orders;
  Spool spool =
      open({.bytes = 1U << 20U, .leave_free = 64'000}, std::make_unique<PoorDisk>(orders));
  orders.available = 16'000;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(seal(spool, std::to_string(i), i, 1'000));
  EXPECT_EQ(spool.status().waiting, 5U);
  EXPECT_TRUE(spool.lost().empty());
}

TEST_F(Spooling, RoomIsMadeBeforeSomethingIsWritten) {
  PoorDisk::Orders orders;
  Spool spool = open(roomy(), std::make_unique<PoorDisk>(orders));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(seal(spool, std::to_string(i), i, 1'000));
  orders.frees = true;
  orders.available = 1'000;
  spool.make_room(3'000);
  EXPECT_EQ(spool.lost(), covered_until(2)) << "two of more than a thousand bytes are enough";
  EXPECT_EQ(spool.status().waiting, 3U);
  spool.make_room(100'000);
  EXPECT_EQ(spool.status().waiting, 3U) << "all of them would not be enough";
}

TEST_F(Spooling, AFullDiskIsNoReasonNotToStart) {
  {
    Spool spool = open();
    ASSERT_TRUE(seal(spool, "a", 1));
  }
  PoorDisk::Orders orders;
  orders.fails_appending = true;
  {
    Spool spool = open(roomy(), std::make_unique<PoorDisk>(orders));
    EXPECT_THAT(said_.at(0), HasSubstr("No space left on device"));
    EXPECT_THAT(offered(spool), ElementsAre(Pair("a", payload_of("a"))));
    EXPECT_FALSE(seal(spool, "b", 2));
    orders.fails_appending = false;
    ASSERT_TRUE(seal(spool, "c", 3));
  }
  Spool again = open();
  EXPECT_EQ(again.opening(), 3U) << "each is counted that has sealed something";
  EXPECT_EQ(again.lost(), covered(2));
  EXPECT_THAT(offered(again), SizeIs(2));
}

TEST_F(Spooling, WhatCannotBeSealedIsNeverOfferedAndIsLost) {
  for (const bool is_full : {true, false}) {
    PoorDisk::Orders orders;
    {
      Spool spool = open(roomy(), std::make_unique<PoorDisk>(orders));
      (is_full ? orders.fails_appending : orders.fails_syncing_folders) = true;
      EXPECT_FALSE(seal(spool, "a", 1));
      EXPECT_EQ(spool.lost(), covered(1)) << "in memory, as the disk takes nothing";
      EXPECT_THAT(offered(spool), IsEmpty());
      EXPECT_EQ(spool.status().lost_records, 3U);
      orders = {};
      ASSERT_TRUE(seal(spool, "b", 2));
      spool.lose({"", 1, covered(4)}, {});  // the next time that anything is lost, all is written
    }
    Spool again = open();
    Coverage both = covered(1);
    both.add(covered(4));
    EXPECT_EQ(again.lost(), both);
    EXPECT_THAT(offered(again), ElementsAre(Pair("b", payload_of("b"))));
    again.forget_lost(both);
    for (const fs::path& each : segments()) fs::remove(each);
  }
}

TEST_F(Spooling, WhatWasGivenUpAndCannotBeRemovedIsNotOfferedAfterARestart) {
  PoorDisk::Orders orders;
  {
    Spool spool = open({.bytes = 700, .leave_free = 0}, std::make_unique<PoorDisk>(orders));
    ASSERT_TRUE(seal(spool, "a", 0, 200));
    orders.fails_removing = true;
    ASSERT_TRUE(seal(spool, "b", 1, 400));
    EXPECT_THAT(segments(), SizeIs(2));
    EXPECT_THAT(offered(spool), ElementsAre(Pair("b", payload_of("b", 400))));
  }
  Spool again = open();
  EXPECT_THAT(offered(again), ElementsAre(Pair("b", payload_of("b", 400))));
  EXPECT_THAT(segments(), SizeIs(1));
}

TEST_F(Spooling, WhatCannotBeReadNowIsNotDamaged) {
  PoorDisk::Orders orders;
  Spool spool = open(roomy(), std::make_unique<PoorDisk>(orders));
  ASSERT_TRUE(seal(spool, "a", 1));
  orders.fails_reading = true;
  const auto unread = spool.take(kAny);
  ASSERT_FALSE(unread);
  ASSERT_TRUE(unread.error().unread);
  EXPECT_THAT(unread.error().error.message(), HasSubstr("Input/output error"));
  EXPECT_FALSE(spool.take(kAny).error().unread) << "it stays taken until it is given back";
  spool.give_back(*unread.error().unread);
  EXPECT_EQ(spool.status().damaged + spool.status().gone, 0U);
  orders.fails_reading = false;
  EXPECT_THAT(offered(spool), ElementsAre(Pair("a", payload_of("a"))));
}

TEST_F(Spooling, WhatNobodyCouldReadSinceTheStartIsNotGivenUp) {
  {
    Spool spool = open();
    ASSERT_TRUE(seal(spool, "a", 1, 200));
  }
  fs::remove(root_ / "state");  // that has to be read
  PoorDisk::Orders orders;
  orders.fails_reading = true;
  Spool spool = open({.bytes = 100, .leave_free = 0}, std::make_unique<PoorDisk>(orders));
  ASSERT_TRUE(seal(spool, "b", 2, 400));
  EXPECT_EQ(spool.status().waiting, 1U) << "nobody could say which windows it holds";
  EXPECT_EQ(spool.lost(), covered(2)) << "the other one gave way";
  orders.fails_reading = false;
  EXPECT_THAT(offered(spool), ElementsAre(Pair("a", payload_of("a", 200))));
}

TEST_F(Spooling, WhatCannotBeReadAtTheStartWaitsUntilItCan) {
  {
    Spool spool = open();
    ASSERT_TRUE(seal(spool, "a", 1));
  }
  fs::remove(root_ / "state");  // that has to be read
  PoorDisk::Orders orders;
  orders.fails_reading = true;
  Spool spool = open(roomy(), std::make_unique<PoorDisk>(orders));
  EXPECT_EQ(spool.status().damaged, 0U);
  EXPECT_EQ(spool.status().waiting_bytes, fs::file_size(segments().at(0)));
  orders.fails_reading = false;
  EXPECT_THAT(offered(spool), ElementsAre(Pair("a", payload_of("a"))));
}

TEST_F(Spooling, WhatCannotEvenBeLookedAtAtTheStartWaitsUntilItCan) {
  {
    Spool spool = open();
    ASSERT_TRUE(seal(spool, "a", 1));
  }
  PoorDisk::Orders orders;
  orders.fails_looking = true;
  Spool spool = open(roomy(), std::make_unique<PoorDisk>(orders));
  EXPECT_THAT(
      said_, Contains(AllOf(StartsWith("4 "), HasSubstr("Input/output error; it is tried again"))));
  EXPECT_EQ(spool.status().waiting, 1U);
  orders.fails_looking = false;
  EXPECT_THAT(offered(spool), ElementsAre(Pair("a", payload_of("a"))));
}

TEST_F(Spooling, AStateThatCannotBeReadNowIsNotDamaged) {
  {
    Spool spool = open();
    spool.lose({"", 7, covered(3)}, {"disk", "is full", ""});
  }
  PoorDisk::Orders orders;
  orders.fails_reading = true;
  const auto unread = Spool::open(
      root_, roomy(), [](const base::LogLine&) {}, std::make_unique<PoorDisk>(orders));
  ASSERT_FALSE(unread);
  EXPECT_THAT(unread.error().message(), HasSubstr("Input/output error"));
  EXPECT_EQ(open().lost(), covered(3));
}

TEST_F(Spooling, WhatSomebodyHasRemovedIsForgottenAndLost) {
  for (const bool is_found_at_the_start : {false, true}) {
    said_.clear();
    fs::remove_all(root_);
    std::optional<Spool> spool = open();
    ASSERT_TRUE(seal(*spool, "a", 1));
    ASSERT_TRUE(seal(*spool, "b", 2));
    if (is_found_at_the_start) {
      spool.reset();
      spool = open();
    }
    said_.clear();
    fs::remove(segments().at(0));
    EXPECT_THAT(offered(*spool), ElementsAre(Pair("b", payload_of("b"))));
    EXPECT_EQ(spool->lost(), covered(1));
    EXPECT_THAT(said_,
                ElementsAre(AllOf(StartsWith("3 "), HasSubstr("its 3 records become SKIPDATA"))));
    const SpoolStatus status = spool->status();
    EXPECT_EQ(status.gone, 1U);
    EXPECT_EQ(status.lost_records, 3U);
    EXPECT_EQ(status.waiting, 1U);
    EXPECT_EQ(status.waiting_bytes, fs::file_size(segments().at(0)));
  }
}

TEST_F(Spooling, WhatComesBackAfterItWasFoundGoneIsNotDelivered) {
  const fs::path aside = root_.string() + "-aside";
  {
    Spool spool = open();
    ASSERT_TRUE(seal(spool, "a", 1));
    fs::rename(segments().at(0), aside);
    EXPECT_THAT(offered(spool), IsEmpty());
    EXPECT_EQ(spool.lost(), covered(1));
    fs::rename(aside, root_ / "00000000004294967296.segment");
  }
  Spool again = open();
  EXPECT_THAT(offered(again), IsEmpty());
  EXPECT_EQ(again.lost(), covered(1));
}

TEST_F(Spooling, WhatIsOutOfReachIsNotGone) {
  Spool spool = open();
  ASSERT_TRUE(seal(spool, "a", 1));
  const fs::path aside = root_.string() + "-aside";
  fs::rename(root_, aside);
  fs::create_directories(root_);
  const auto unread = spool.take(kAny);
  ASSERT_FALSE(unread);
  ASSERT_TRUE(unread.error().unread);
  spool.give_back(*unread.error().unread);
  fs::remove_all(root_);
  fs::rename(aside, root_);
  EXPECT_THAT(offered(spool), ElementsAre(Pair("a", payload_of("a"))));
  EXPECT_TRUE(spool.lost().empty());
}

TEST_F(Spooling, WhatCannotBeReadAndWasSealedInThisRunGivesWay) {
  PoorDisk::Orders orders;
  Spool spool = open({.bytes = 700, .leave_free = 0}, std::make_unique<PoorDisk>(orders));
  ASSERT_TRUE(seal(spool, "a", 1, 200));
  orders.fails_reading = true;
  ASSERT_TRUE(seal(spool, "b", 2, 400));
  EXPECT_EQ(spool.lost(), covered(1));
  EXPECT_EQ(spool.status().given_up, 1U);
}

class Damage : public SpoolFolder {
 protected:
  /// Damages the first of two segments, opens the spool, and asks for everything.
  void expect_first_is_set_aside(const std::string& damaged, const std::string& how) {
    fs::remove_all(root_);
    {
      Spool spool = open();
      ASSERT_TRUE(seal(spool, "a", 1));
      ASSERT_TRUE(seal(spool, "b", 2));
    }
    const fs::path first = segments().at(0);
    if (whole_.empty()) whole_ = bytes_of(first);
    write(first, damaged);
    Spool spool = open();
    EXPECT_THAT(offered(spool), ElementsAre(Pair("b", payload_of("b")))) << how;
    EXPECT_EQ(spool.status().damaged, 1U) << how;
    EXPECT_EQ(bytes_of(root_ / "damaged" / first.filename()), damaged) << how;
    EXPECT_EQ(spool.status().waiting, 1U) << how;
    // What its last lines say is lost; where they are damaged themselves nobody knows.
    if (damaged.ends_with(whole_.substr(100)) && damaged.size() == whole_.size()) {
      EXPECT_EQ(spool.lost(), covered(1)) << how;
    }
  }

  std::string whole_;
};

TEST_F(Damage, OfAnyByteIsFoundSetAsideAndCounted) {
  {
    Spool spool = open();
    ASSERT_TRUE(seal(spool, "a", 1));
  }
  whole_ = bytes_of(segments().at(0));
  for (std::size_t at = 0; at < whole_.size(); ++at) {
    std::string damaged = whole_;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    expect_first_is_set_aside(damaged, "byte " + std::to_string(at));
  }
}

TEST_F(Damage, OfAnyLengthIsFoundSetAsideAndCounted) {
  {
    Spool spool = open();
    ASSERT_TRUE(seal(spool, "a", 1));
  }
  whole_ = bytes_of(segments().at(0));
  for (std::size_t size = 0; size < whole_.size(); ++size) {
    expect_first_is_set_aside(whole_.substr(0, size), std::to_string(size) + " bytes");
  }
  expect_first_is_set_aside(whole_ + "x", "one more");
  expect_first_is_set_aside("x" + whole_, "one before");
  expect_first_is_set_aside(whole_ + whole_, "twice");
}

TEST_F(Damage, OfTheLengthAloneLeavesItKnownWhichWindowsAreLost) {
  {
    Spool spool = open();
    ASSERT_TRUE(seal(spool, "a", 1));
  }
  const fs::path file = segments().at(0);
  write(file, "x" + bytes_of(file));
  Spool spool = open();
  EXPECT_EQ(spool.lost(), covered(1));
  EXPECT_EQ(spool.status().damaged, 1U);
  EXPECT_EQ(spool.status().waiting, 0U);
}

TEST_F(Damage, OfWhatCannotBeSetAsideIsToldOnceHoweverOftenTheSpoolIsOpened) {
  {
    Spool spool = open();
    ASSERT_TRUE(seal(spool, "a", 1));
  }
  const fs::path file = segments().at(0);
  write(file, "x" + bytes_of(file));
  // In the way of a rename.
  fs::create_directories(root_ / "damaged" / file.filename());
  {
    Spool spool = open();
    EXPECT_EQ(spool.lost(), covered(1));
    spool.forget_lost(covered(1));
  }
  Spool again = open();
  EXPECT_TRUE(again.lost().empty()) << "it was told already";
  EXPECT_THAT(offered(again), IsEmpty());
}

TEST_F(Damage, OfAllThatWasSealedInThisRunLeavesItKnownWhichWindowsAreLost) {
  Spool spool = open();
  ASSERT_TRUE(seal(spool, "a", 1));
  write(segments().at(0), "nothing of it is left");
  EXPECT_THAT(offered(spool), IsEmpty());
  EXPECT_EQ(spool.status().damaged, 1U);
  EXPECT_EQ(spool.lost(), covered(1));
}

TEST_F(Damage, OfTheStateIsFoundAndEverySegmentIsStillThere) {
  {
    Spool spool = open();
    ASSERT_TRUE(seal(spool, "a", 1));
  }
  write(root_ / "state", "{}");
  Spool spool = open();
  EXPECT_EQ(spool.status().damaged, 1U);
  EXPECT_EQ(spool.opening(), 2U) << "as the segment's sequence says";
  EXPECT_THAT(offered(spool), SizeIs(1));
}

TEST_F(Damage, ASegmentUnderAnothersNameIsSetAside) {
  {
    Spool spool = open();
    ASSERT_TRUE(seal(spool, "a", 1));
  }
  fs::copy(segments().at(0), root_ / "00000000000000000007.segment");
  Spool spool = open();
  EXPECT_EQ(spool.status().damaged, 1U);
  EXPECT_THAT(offered(spool), SizeIs(1));
}

TEST_F(Spooling, AnUnpackedSegmentIsItsPayload) {
  Spool spool = open();
  ASSERT_TRUE(seal(spool, "a", 1));
  ASSERT_TRUE(unpack(*spool.take(kAny), root_ / "out"));
  EXPECT_EQ(bytes_of(root_ / "out" / "a"), payload_of("a"));
}

}  // namespace
}  // namespace weir::deliver
