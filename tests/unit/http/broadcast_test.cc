#include "http/broadcast.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>

namespace weir::http {
namespace {

constexpr std::size_t kKept = 256U << 10U;

std::string missed(std::uint64_t lines) {
  return "missed " + std::to_string(lines) + "\n";
}

/// `count` lines of `length`, the newline included.
std::string lines(std::size_t count, std::size_t length) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += std::string(length - 1, 'x') + '\n';
  return out;
}

/// All that there is, in steps of at most `step` bytes.
std::string read(BroadcastReader& reader, std::size_t step = 1000) {
  std::string out;
  for (std::string_view next = reader.next(); !next.empty(); next = reader.next()) {
    const std::size_t bytes = std::min(step, next.size());
    out += next.substr(0, bytes);
    reader.advance(bytes);
  }
  return out;
}

TEST(Broadcast, GreetsAReaderAndThenGivesItWhatComesAfterIt) {
  Broadcast broadcast(kKept, missed);
  broadcast.greet_with("hello\n");
  broadcast.append("before\n");
  BroadcastReader reader(broadcast);
  EXPECT_EQ(read(reader, 3), "hello\n");
  EXPECT_EQ(read(reader), "");
  broadcast.append("one\ntwo\n");
  broadcast.append("three\n");
  EXPECT_EQ(read(reader, 2), "one\ntwo\nthree\n");
}

TEST(Broadcast, TellsAReaderThatIsTooSlowHowManyLinesItHasMissed) {
  Broadcast broadcast(kKept, missed);
  BroadcastReader slow(broadcast);
  BroadcastReader fast(broadcast);
  constexpr std::size_t kLines = 10'000;
  constexpr std::size_t kLength = 100;
  std::size_t read_fast = 0;
  for (std::size_t i = 0; i < kLines; i += 100) {
    broadcast.append(lines(100, kLength));
    read_fast += read(fast).size();
  }
  EXPECT_EQ(read_fast, kLines * kLength);
  const std::string late = read(slow);
  ASSERT_TRUE(late.starts_with("missed ")) << late.substr(0, 100);
  const std::uint64_t told = std::stoull(late.substr(late.find(' ')));
  const std::string rest = late.substr(late.find('\n') + 1);
  EXPECT_EQ(told * kLength + rest.size(), kLines * kLength);
  EXPECT_LE(rest.size(), kKept);
  broadcast.append("next\n");
  EXPECT_EQ(read(slow), "next\n");
}

TEST(Broadcast, GivesAReaderTheRestOfALineThatItHasBegunBeforeItSkips) {
  Broadcast broadcast(kKept, missed);
  BroadcastReader reader(broadcast);
  broadcast.append("a line\n");
  reader.advance(reader.next().substr(0, 2).size());
  for (int i = 0; i < 10; ++i) broadcast.append(lines(1000, 100));
  EXPECT_TRUE(read(reader).starts_with("line\nmissed "));
}

TEST(Broadcast, CutsLongTextAtTheEndsOfLines) {
  Broadcast broadcast(kKept, missed);
  BroadcastReader reader(broadcast);
  const std::string text = lines(3, 30'000) + lines(1, 100'000) + "end\n";
  broadcast.append(text);
  const std::string_view first = reader.next();
  EXPECT_LT(first.size(), text.size());
  EXPECT_TRUE(first.ends_with('\n'));
  EXPECT_EQ(read(reader), text);
}

}  // namespace
}  // namespace weir::http
