// Bytes arrive whole and in order, whoever is slow; memory stays bounded; nobody waits for ever.
#include "logs/read_ahead.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <latch>
#include <mutex>
#include <thread>

#include "logs/s3_reader.h"

namespace weir::logs {
namespace {

constexpr std::uint64_t kPiece = 1000;
constexpr std::uint64_t kHeld = 4 * kPiece;
constexpr ReadAheadLimits kLimits{3, kPiece, kHeld};

std::string content_of(const Object& object) {
  std::string text;
  while (text.size() < object.bytes) text += object.path + std::to_string(text.size()) + "\n";
  text.resize(object.bytes);
  return text;
}

Object object_of(const std::string& path, std::uint64_t bytes) {
  Object object;
  object.path = object.name = path;
  object.bytes = bytes;
  return object;
}

std::vector<Object> objects_of(const std::vector<std::uint64_t>& sizes) {
  std::vector<Object> objects;
  for (const std::uint64_t bytes : sizes) {
    objects.push_back(object_of("s3://b/" + std::to_string(objects.size()), bytes));
  }
  return objects;
}

/// A server that counts, and does what a test says before it answers.
class Server {
 public:
  ReadAhead::Get get() {
    return [this](const Object& object, aws::ByteRange part) -> aws::Result<std::string> {
      ++requests;
      bytes += part.count;
      most_waiting = std::max(most_waiting.load(), bytes - bytes_read);
      if (before) {
        if (auto failure = before(object, part)) return tl::unexpected(*failure);
      }
      return content_of(object).substr(part.first, part.count);
    };
  }

  std::function<std::optional<aws::Failure>(const Object&, aws::ByteRange)> before;
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::uint64_t> bytes = 0;
  std::atomic<std::uint64_t> bytes_read = 0;
  std::atomic<std::uint64_t> most_waiting = 0;
};

base::Expected<std::string> read_all(base::Input& input, Server* server = nullptr) {
  std::string text;
  std::vector<std::uint8_t> some(333);
  for (;;) {
    auto count = input.read(some);
    if (!count) return tl::unexpected(count.error());
    if (*count == 0) return text;
    text.append(some.begin(), some.begin() + static_cast<std::ptrdiff_t>(*count));
    if (server != nullptr) server->bytes_read += *count;
  }
}

template <typename Done>
void wait_until(const Done& is_done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!is_done() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  ASSERT_TRUE(is_done());
}

aws::Failure failure(aws::Failure::Kind kind, int status, const std::string& code) {
  return {kind, status, code, "", "", false, {"s3://b", code, ""}};
}

TEST(ReadAhead, SeveralReadersGetEveryObjectWholeWithinTheBound) {
  Server server;
  ReadAhead ahead(server.get(), kLimits);
  const auto objects = objects_of({0, 1, 999, 1000, 1001, 12'345, 7, 30'000, 2500, 1, 1, 8000});
  const auto run = ahead.start(objects);
  constexpr std::uint64_t kReaders = 3;
  std::atomic<std::size_t> next = 0;
  {
    std::vector<std::jthread> readers;
    for (std::uint64_t i = 0; i < kReaders; ++i) {
      readers.emplace_back([&] {
        for (std::size_t number = next++; number < objects.size(); number = next++) {
          EXPECT_EQ(read_all(*run->open(number), &server).value(), content_of(objects[number]));
        }
      });
    }
  }
  std::uint64_t all = 0;
  for (const Object& object : objects) all += object.bytes;
  EXPECT_EQ(server.bytes, all) << "each byte once";
  EXPECT_LE(server.most_waiting, kHeld + 2 * kReaders * kPiece);
}

TEST(ReadAhead, WithoutAReaderNoMoreThanTheBoundIsFetched) {
  Server server;
  ReadAhead ahead(server.get(), kLimits);
  const auto objects = objects_of({100'000, 100'000});
  const auto run = ahead.start(objects);
  wait_until([&] { return server.bytes == kHeld; });
  const auto input = run->open(0);
  std::vector<std::uint8_t> some(1);
  ASSERT_EQ(input->read(some).value(), 1U);
  EXPECT_LE(server.bytes, kHeld + kPiece);
}

TEST(ReadAhead, WhoReadsALaterObjectDoesNotWaitForThoseBefore) {
  Server server;
  ReadAhead ahead(server.get(), kLimits);
  const auto objects = objects_of({100'000, 50'000, 20});
  const auto run = ahead.start(objects);
  wait_until([&] { return server.bytes == kHeld; });  // all room is the first one's
  EXPECT_EQ(read_all(*run->open(2)).value(), content_of(objects[2]));
  EXPECT_EQ(read_all(*run->open(1)).value(), content_of(objects[1]));
  EXPECT_EQ(read_all(*run->open(0)).value(), content_of(objects[0]));
  EXPECT_EQ(server.bytes, 150'020U);
}

TEST(ReadAhead, AnObjectThatIsClosedEarlyMakesRoomForTheNext) {
  Server server;
  ReadAhead ahead(server.get(), kLimits);
  const auto objects = objects_of({100'000, 100'000, 300});
  const auto run = ahead.start(objects);
  for (const std::size_t number : {std::size_t{0}, std::size_t{1}}) {
    std::vector<std::uint8_t> some(1500);
    ASSERT_GT(run->open(number)->read(some).value(), 0U);
  }
  EXPECT_EQ(read_all(*run->open(2)).value(), content_of(objects[2]));
}

TEST(ReadAhead, AQueryThatEndsEarlyWaitsForNobodyAndFetchesNothingMore) {
  Server server;
  std::latch may_answer(1);
  server.before = [&](const Object&, aws::ByteRange) {
    may_answer.wait();
    return std::nullopt;
  };
  ReadAhead ahead(server.get(), kLimits);
  const auto objects = objects_of({100'000});
  auto run = ahead.start(objects);
  wait_until([&] { return server.requests == kLimits.threads; });
  run.reset();  // while all threads are under way
  may_answer.count_down();
  const auto others = objects_of({3000});
  const auto another = ahead.start(others);
  EXPECT_EQ(read_all(*another->open(0)).value(), content_of(others[0]));
  EXPECT_EQ(server.requests, kLimits.threads + 3);
}

TEST(ReadAhead, WhatOneObjectMeetsIsItsOwn) {
  Server server;
  server.before = [](const Object& object, aws::ByteRange part) -> std::optional<aws::Failure> {
    if (object.path == "s3://b/0") return failure(aws::Failure::Kind::refused, 404, "NoSuchKey");
    if (object.path == "s3://b/1" && part.first == 2000) {
      return failure(aws::Failure::Kind::refused, 503, "SlowDown");
    }
    return std::nullopt;
  };
  ReadAhead ahead(server.get(), kLimits);
  const auto objects = objects_of({500, 5000, 5000});
  const auto run = ahead.start(objects);
  EXPECT_EQ(read_all(*run->open(0)).error().what, "NoSuchKey");
  EXPECT_EQ(read_all(*run->open(1), &server).error().what, "SlowDown");
  EXPECT_EQ(server.bytes_read, 2000U) << "what came before it is read";
  EXPECT_EQ(read_all(*run->open(2)).value(), content_of(objects[2]));
}

TEST(ReadAhead, WhatTheCallerMayNotEndsAll) {
  Server server;
  server.before = [](const Object& object, aws::ByteRange) -> std::optional<aws::Failure> {
    if (object.path != "s3://b/1") return std::nullopt;
    return failure(aws::Failure::Kind::refused, 400, "ExpiredToken");
  };
  ReadAhead ahead(server.get(), {1, kPiece, kHeld});
  const auto objects = objects_of({500, 500, 500});
  const auto run = ahead.start(objects);
  EXPECT_EQ(read_all(*run->open(1)).error().what, "ExpiredToken");
  EXPECT_EQ(read_all(*run->open(2)).error().what, "ExpiredToken");
}

TEST(ReadAhead, AShorterAnswerThanTheListingSaidIsAnError) {
  ReadAhead ahead([](const Object&, aws::ByteRange) { return aws::Result<std::string>("ab"); },
                  kLimits);
  const auto objects = objects_of({3});
  const auto run = ahead.start(objects);
  EXPECT_FALSE(read_all(*run->open(0)));
}

TEST(ReadAhead, CancellingEndsAReadThatWaits) {
  Server server;
  std::latch may_answer(1);
  server.before = [&](const Object&, aws::ByteRange) {
    may_answer.wait();
    return std::nullopt;
  };
  ReadAhead ahead(server.get(), kLimits);
  const auto objects = objects_of({3000});
  const auto run = ahead.start(objects);
  auto reading = std::async(std::launch::async, [&] { return read_all(*run->open(0)); });
  wait_until([&] { return server.requests == 3; });
  ahead.cancel();
  EXPECT_FALSE(reading.get());
  may_answer.count_down();
}

TEST(ReadAhead, ARunThatIsStoppedEndsAReadThatWaitsAndNoOtherRun) {
  Server server;
  std::latch may_answer(1);
  server.before = [&](const Object&, aws::ByteRange) -> std::optional<aws::Failure> {
    may_answer.wait();
    return std::nullopt;
  };
  ReadAhead ahead(server.get(), kLimits);
  const auto objects = objects_of({5000});
  const auto run = ahead.start(objects);
  const auto other = ahead.start(objects);
  auto reading = std::async(std::launch::async, [&] { return read_all(*run->open(0)); });
  wait_until([&] { return server.requests == 3; });
  run->stop();
  EXPECT_FALSE(reading.get());
  may_answer.count_down();
  EXPECT_EQ(read_all(*other->open(0)).value(), content_of(objects[0]));
}

TEST(ReadAhead, FilesAreNotFetched) {
  Server server;
  ReadAhead ahead(server.get(), kLimits);
  auto objects = objects_of({500, 500});
  objects[0] = object_of("/tmp/a.log", 500);
  const auto run = ahead.start(objects);
  EXPECT_EQ(read_all(*run->open(1)).value(), content_of(objects[1]));
  EXPECT_EQ(server.requests, 1U);
}

}  // namespace
}  // namespace weir::logs
