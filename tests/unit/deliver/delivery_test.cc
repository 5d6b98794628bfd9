#include "deliver/delivery.h"

#include <gmock/gmock.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>

#include "spool_folder.h"

namespace weir::deliver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::chrono::seconds kLong{60};
constexpr DeliveryPauses kShort{std::chrono::milliseconds(1), std::chrono::milliseconds(20)};

Undelivered failing(DeliverLogsError kind, bool is_of_segment = false) {
  return {kind, is_of_segment, {"there", "as told", ""}};
}

/// What a test tells a destination, and learns from it; outlives it.
struct Orders {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Undelivered> failures;          ///< of the next offers
  std::deque<Undelivered> prepare_failures;  ///< of the next preparations
  std::map<std::string, int> poisoned;       ///< by key: how often it is refused for itself
  bool hangs = false;
  std::uint64_t refused = 0;         ///< records of the next one that is taken, for ever
  std::vector<std::string> offered;  ///< keys
  std::vector<std::chrono::steady_clock::time_point> offered_at;
  std::vector<std::string> taken;
  unsigned under_way = 0;
  unsigned most_at_once = 0;
  int prepared = 0;
  bool is_early = false;  ///< something was offered before

  void wait_for(const std::function<bool()>& what) {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, kLong, what));
  }
};

class Told : public Destination {
 public:
  explicit Told(Orders& orders, unsigned at_once = 1) : orders_(orders), at_once_(at_once) {}

  Prepared prepare() override {
    const std::scoped_lock lock(orders_.mutex);
    if (orders_.prepare_failures.empty()) {
      ++orders_.prepared;
      return {};
    }
    auto failure = std::move(orders_.prepare_failures.front());
    orders_.prepare_failures.pop_front();
    return tl::unexpected(std::move(failure));
  }

  Delivered deliver(const Segment& segment) override {
    std::unique_lock lock(orders_.mutex);
    orders_.offered.push_back(segment.key);
    orders_.offered_at.push_back(std::chrono::steady_clock::now());
    if (orders_.prepared == 0) orders_.is_early = true;
    orders_.most_at_once = std::max(orders_.most_at_once, ++orders_.under_way);
    orders_.changed.notify_all();
    orders_.changed.wait(lock, [this] { return !orders_.hangs; });
    --orders_.under_way;
    if (orders_.poisoned[segment.key] > 0) {
      --orders_.poisoned[segment.key];
      return tl::unexpected(failing(DeliverLogsError::unknown_error, true));
    }
    if (!orders_.failures.empty()) {
      auto failure = std::move(orders_.failures.front());
      orders_.failures.pop_front();
      return tl::unexpected(std::move(failure));
    }
    orders_.taken.push_back(segment.key);
    return Receipt{std::exchange(orders_.refused, 0)};
  }

  [[nodiscard]] unsigned at_once() const override { return at_once_; }
  void cancel() override {
    const std::scoped_lock lock(orders_.mutex);
    orders_.hangs = false;
    orders_.failures.push_back(failing(DeliverLogsError::unknown_error));
    orders_.changed.notify_all();
  }
  [[nodiscard]] std::string name() const override { return "told"; }

 private:
  Orders& orders_;
  unsigned at_once_;
};

class Delivering : public SpoolFolder {
 protected:
  std::unique_ptr<Delivery> deliver(Spool& spool, unsigned at_once = 1,
                                    DeliveryPauses pauses = kShort,
                                    const DeliveryStatus& before = {}) {
    const auto log = [this](const base::LogLine& line) {
      const std::scoped_lock lock(said_mutex_);
      log_.push_back(line.text);
    };
    return std::make_unique<Delivery>(spool, std::make_unique<Told>(orders_, at_once), pauses, log,
                                      before);
  }
  /// A drain that goes on after failures.
  static void drain(Delivery& delivery) {
    const auto end = std::chrono::steady_clock::now() + kLong;
    while (!delivery.drain(std::chrono::milliseconds(50))) {
      ASSERT_LT(std::chrono::steady_clock::now(), end);
    }
  }

  Orders orders_;
  std::mutex said_mutex_;
  std::vector<std::string> log_;
};

TEST_F(Delivering, WhatWaitsAndWhatIsSealedLaterArrivesInOrder) {
  Spool spool = open();
  ASSERT_TRUE(seal(spool, "a", 1));
  ASSERT_TRUE(seal(spool, "b", 2));
  const auto delivery = deliver(spool);
  ASSERT_TRUE(delivery->drain(kLong));
  ASSERT_TRUE(seal(spool, "c", 3));
  ASSERT_TRUE(delivery->drain(kLong));
  EXPECT_THAT(orders_.taken, ElementsAre("a", "b", "c"));
  EXPECT_THAT(segments(), IsEmpty());
  EXPECT_EQ(delivery->status().delivered, 3U);
  EXPECT_EQ(delivery->status().delivered_bytes, 300U);
  EXPECT_THAT(log_, IsEmpty());
}

TEST_F(Delivering, WhatFailsIsOfferedAgainAndTroubleIsToldOnce) {
  Spool spool = open();
  for (int i = 0; i < 3; ++i) {
    orders_.failures.push_back(failing(DeliverLogsError::rate_limited));
  }
  const auto delivery = deliver(spool);
  ASSERT_TRUE(seal(spool, "a", 1));
  drain(*delivery);
  EXPECT_THAT(orders_.offered, ElementsAre("a", "a", "a", "a"));
  EXPECT_EQ(delivery->status().failures, 3U);
  EXPECT_FALSE(delivery->status().error);
  ASSERT_THAT(log_, SizeIs(2));
  EXPECT_EQ(log_[0], "told: Rate limited: there: as told; nothing is lost: 1 segments wait");
  EXPECT_EQ(log_[1], "told: delivery works again");
}

TEST_F(Delivering, AnOutageOfDaysEndsLikeOneOfAMinute) {
  constexpr int kAttempts = 2 * 24 * 60;  // one a minute
  constexpr int kSegments = 2 * 24 * 12;  // each five minutes
  Spool spool = open({.bytes = 100'000, .leave_free = 0});
  for (int i = 0; i < kAttempts; ++i) {
    orders_.failures.push_back(failing(DeliverLogsError::unknown_error));
  }
  constexpr std::chrono::milliseconds kNone{0};
  // So many before anybody can deliver them, that some have to give way.
  constexpr int kBefore = kSegments * 3 / 4;
  for (int i = 0; i < kBefore; ++i) ASSERT_TRUE(seal(spool, std::to_string(i), i));
  ASSERT_GT(spool.status().given_up, 0U) << "the spool has a limit";
  const auto delivery = deliver(spool, 4, {kNone, kNone});
  for (int i = kBefore; i < kSegments; ++i) ASSERT_TRUE(seal(spool, std::to_string(i), i));
  orders_.wait_for([this] { return orders_.failures.empty(); });
  drain(*delivery);
  const SpoolStatus status = spool.status();
  EXPECT_EQ(status.sealed, kSegments + 0U);
  EXPECT_EQ(status.delivered + status.given_up, kSegments + 0U);
  EXPECT_GT(status.delivered, 0U);
  EXPECT_EQ(delivery->status().failures, kAttempts + 0U);
  EXPECT_EQ(orders_.taken.size(), status.delivered);
  EXPECT_THAT(log_, SizeIs(2)) << "that it began, and that it is over";
}

TEST_F(Delivering, AccessErrorIsShownAndTriedSlowly) {
  Spool spool = open();
  orders_.failures.push_back(failing(DeliverLogsError::access_error));
  const DeliveryPauses pauses{std::chrono::milliseconds(1), std::chrono::milliseconds(300)};
  const auto delivery = deliver(spool, 1, pauses);
  ASSERT_TRUE(seal(spool, "a", 1));
  EXPECT_FALSE(delivery->drain(kLong));
  ASSERT_TRUE(delivery->status().last_error);
  EXPECT_EQ(to_string(delivery->status().last_error->kind), "Access error");
  ASSERT_TRUE(seal(spool, "b", 2)) << "no reason to try sooner";
  drain(*delivery);
  EXPECT_THAT(orders_.offered, ElementsAre("a", "a", "b"));
  EXPECT_GE(orders_.offered_at[1] - orders_.offered_at[0], pauses.longest);
}

TEST_F(Delivering, ASegmentThatIsRefusedForItselfHoldsUpNoOther) {
  Spool spool = open();
  orders_.poisoned["a"] = 1;
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(seal(spool, key, 1));
  const auto delivery = deliver(spool, 1, {kShort.first, std::chrono::hours(1)});
  orders_.wait_for([this] { return orders_.taken.size() == 2; });
  EXPECT_THAT(orders_.offered, ElementsAre("a", "b", "c"));
  EXPECT_THAT(orders_.taken, ElementsAre("b", "c"));
  EXPECT_FALSE(delivery->status().error) << "the destination works";
  EXPECT_EQ(delivery->status().stuck, 1U);
  const std::scoped_lock lock(said_mutex_);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("told: a waits: Unknown error")));
}

TEST_F(Delivering, WhoCancelsDoesNotWaitForWhatIsStuck) {
  Spool spool = open();
  orders_.poisoned["a"] = 1;
  for (const char* key : {"a", "b"}) ASSERT_TRUE(seal(spool, key, 1));
  const auto delivery = deliver(spool, 1, {kShort.first, kLong});
  orders_.wait_for([this] { return orders_.taken.size() == 1; });
  auto drained = std::async(std::launch::async, [&] { return delivery->drain(2 * kLong); });
  EXPECT_EQ(drained.wait_for(kShort.first), std::future_status::timeout) << "it waits for a";
  delivery->cancel();
  ASSERT_EQ(drained.wait_for(kLong / 2), std::future_status::ready);
  EXPECT_FALSE(drained.get());
  EXPECT_EQ(spool.status().waiting, 1U);
}

TEST_F(Delivering, NothingIsOfferedBeforeTheDestinationIsPrepared) {
  Spool spool = open();
  ASSERT_TRUE(seal(spool, "a", 1));
  for (int i = 0; i < 2; ++i) {
    orders_.prepare_failures.push_back(failing(DeliverLogsError::unknown_error));
  }
  const auto delivery = deliver(spool, 4);
  drain(*delivery);
  EXPECT_EQ(orders_.prepared, 1);
  EXPECT_EQ(delivery->status().failures, 2U);
  EXPECT_FALSE(orders_.is_early);
  EXPECT_THAT(orders_.taken, ElementsAre("a"));
}

TEST_F(Delivering, SeveralAreUnderWayAtOnceWhereTheDestinationTakesThem) {
  Spool spool = open();
  orders_.hangs = true;
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(seal(spool, std::to_string(i), i));
  const auto delivery = deliver(spool, 3);
  orders_.wait_for([this] { return orders_.under_way == 3; });
  {
    const std::scoped_lock lock(orders_.mutex);
    orders_.hangs = false;
    orders_.changed.notify_all();
  }
  ASSERT_TRUE(delivery->drain(kLong));
  EXPECT_EQ(orders_.most_at_once, 3U);
  EXPECT_THAT(orders_.taken, SizeIs(6));
}

TEST_F(Delivering, ASegmentThatIsRefusedForItselfIsToldOnceHoweverManyThreadsLook) {
  Spool spool = open();
  orders_.poisoned["a"] = 50;
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(seal(spool, key, 1));
  const auto delivery = deliver(spool, 4, {kShort.first, std::chrono::milliseconds(1)});
  drain(*delivery);
  EXPECT_EQ(delivery->status().failures, 50U);
  EXPECT_EQ(delivery->status().stuck, 0U);
  EXPECT_EQ(std::count(orders_.offered.begin(), orders_.offered.end(), "a"), 51);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("told: a waits")));
}

TEST_F(Delivering, WhatIsKeptWaitingAndGivesWayIsStuckNoMore) {
  Spool spool = open({.bytes = 700, .leave_free = 0});
  orders_.poisoned["a"] = 1;
  ASSERT_TRUE(seal(spool, "a", 1, 200));
  const auto delivery = deliver(spool, 1, {kShort.first, std::chrono::hours(1)});
  EXPECT_FALSE(delivery->drain(kLong));
  EXPECT_EQ(delivery->status().stuck, 1U) << "whether it failed before or meanwhile";
  ASSERT_TRUE(seal(spool, "b", 2, 400));
  EXPECT_EQ(spool.status().given_up, 1U);
  EXPECT_EQ(delivery->status().stuck, 0U);
}

TEST_F(Delivering, WhatIsRefusedForEverIsCountedAndTold) {
  Spool spool = open();
  const auto delivery = deliver(spool);
  for (const std::uint64_t refused : {0U, 2U, 0U, 1U}) {
    {
      const std::scoped_lock lock(orders_.mutex);
      orders_.refused = refused;
    }
    ASSERT_TRUE(seal(spool, "a", 1));
    ASSERT_TRUE(delivery->drain(kLong));
  }
  EXPECT_EQ(delivery->status().refused, 3U);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("told: 2 of the 3 records of a are lost"),
                                HasSubstr("told: 1 of the 3 records of a are lost")));
}

TEST_F(Delivering, OneThatFollowsAnotherCountsOn) {
  Spool spool = open();
  orders_.refused = 2;
  ASSERT_TRUE(seal(spool, "a", 1));
  auto delivery = deliver(spool, 1, {kShort.first, kLong});
  ASSERT_TRUE(delivery->drain(kLong));
  orders_.failures.push_back(failing(DeliverLogsError::access_error));
  ASSERT_TRUE(seal(spool, "b", 2));
  EXPECT_FALSE(delivery->drain(kLong));
  const DeliveryStatus before = delivery->end();
  orders_.failures.clear();  // of who cancelled
  orders_.refused = 1;
  delivery = deliver(spool, 1, kShort, before);  // only now is the first one destroyed
  ASSERT_TRUE(delivery->drain(kLong));
  ASSERT_TRUE(seal(spool, "c", 3));
  ASSERT_TRUE(delivery->drain(kLong));
  const DeliveryStatus status = delivery->status();
  EXPECT_EQ(status.delivered, 3U);
  EXPECT_EQ(status.delivered_bytes, 300U);
  EXPECT_EQ(status.refused, 3U);
  EXPECT_EQ(status.failures, before.failures);
  EXPECT_FALSE(status.error);
  EXPECT_TRUE(status.last_error);
}

TEST_F(Delivering, NobodyWaitsForWhatWasStuckBefore) {
  Spool spool = open();
  orders_.poisoned["a"] = 1;
  ASSERT_TRUE(seal(spool, "a", 1));
  const auto delivery = deliver(spool, 1, {kShort.first, std::chrono::hours(1)});
  orders_.wait_for([&] { return orders_.offered.size() == 1; });
  ASSERT_TRUE(seal(spool, "b", 2));
  orders_.wait_for([&] { return orders_.taken.size() == 1; });
  const auto asked = std::chrono::steady_clock::now();
  EXPECT_FALSE(delivery->drain(kLong));
  EXPECT_LT(std::chrono::steady_clock::now() - asked, kLong / 2);
  EXPECT_EQ(delivery->status().stuck, 1U);
}

/// Reads nothing as often as it is told.
class TroubledDisk : public Disk {
 public:
  explicit TroubledDisk(std::atomic<int>& failures) : failures_(failures) {}
  base::Expected<std::string> read(const fs::path& file, std::uint64_t offset,
                                   std::size_t count) override {
    if (failures_ <= 0 || file.extension() != ".segment") return Disk::read(file, offset, count);
    --failures_;
    return base::fail(file.string(), "cannot be read: Input/output error");
  }

 private:
  std::atomic<int>& failures_;
};

TEST_F(Delivering, WhatCannotBeReadIsTriedAgainAndHoldsUpNoOther) {
  std::atomic<int> failures = 0;
  Spool spool = open(roomy(), std::make_unique<TroubledDisk>(failures));
  for (const char* key : {"a", "b"}) ASSERT_TRUE(seal(spool, key, 1));
  failures = 1;
  const auto delivery = deliver(spool);
  drain(*delivery);
  EXPECT_THAT(orders_.taken, ElementsAre("b", "a"));
  EXPECT_EQ(delivery->status().failures, 1U);
  EXPECT_EQ(spool.status().damaged, 0U);
  ASSERT_THAT(log_, SizeIs(1));
  EXPECT_THAT(log_[0], HasSubstr("Input/output error"));
}

TEST_F(Delivering, WhatFailsWhileOthersFindNothingIsOfferedAgain) {
  Spool spool = open();
  for (int round = 1; round <= 100; ++round) {
    orders_.failures.push_back(failing(DeliverLogsError::unknown_error));
    const auto delivery = deliver(spool, 4, {std::chrono::milliseconds(0), kShort.longest});
    ASSERT_TRUE(seal(spool, "a", 1));
    ASSERT_NO_FATAL_FAILURE(drain(*delivery)) << round;
    ASSERT_THAT(orders_.taken, SizeIs(round));
  }
}

TEST_F(Delivering, WhatHangsIsCancelledAndStaysInTheSpool) {
  Spool spool = open();
  orders_.hangs = true;
  ASSERT_TRUE(seal(spool, "a", 1));
  auto delivery = deliver(spool);
  orders_.wait_for([this] { return orders_.under_way == 1; });
  ASSERT_TRUE(seal(spool, "b", 2)) << "nobody waits for the destination";
  delivery.reset();
  EXPECT_THAT(segments(), SizeIs(2));
  EXPECT_THAT(log_, IsEmpty());
}

TEST_F(Delivering, ASlowDestinationHoldsUpNoOther) {
  Spool spool = open();
  orders_.hangs = true;
  ASSERT_TRUE(seal(spool, "a", 1));
  const auto slow = deliver(spool);
  orders_.wait_for([this] { return orders_.under_way == 1; });
  Spool other = Spool::open(root_ / "other", roomy(), [](const base::LogLine&) {}).value();
  Orders well;
  Delivery fast(other, std::make_unique<Told>(well), kShort, [](const base::LogLine&) {});
  for (int i = 0; i < 5; ++i) {
    const fs::path file = other.writing_folder() / "x";
    write(file, "x");
    ASSERT_TRUE(other.seal(file, {std::to_string(i), 1, {}}));
  }
  EXPECT_TRUE(fast.drain(kLong));
  EXPECT_THAT(well.taken, SizeIs(5));
  {
    const std::scoped_lock lock(orders_.mutex);
    EXPECT_EQ(orders_.under_way, 1U) << "it has hung all the time";
    orders_.hangs = false;
    orders_.changed.notify_all();
  }
  EXPECT_TRUE(slow->drain(kLong));
}

}  // namespace
}  // namespace weir::deliver
