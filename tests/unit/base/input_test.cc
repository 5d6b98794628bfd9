#include "base/input.h"

#include <gtest/gtest.h>
#include <isa-l/igzip_lib.h>

#include <string>
#include <vector>

namespace weir::base {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes gzip(std::string text) {
  isal_zstream stream{};
  isal_deflate_stateless_init(&stream);
  Bytes packed(text.size() + 1000);
  stream.gzip_flag = IGZIP_GZIP;
  stream.end_of_stream = 1;
  stream.next_in = reinterpret_cast<std::uint8_t*>(text.data());
  stream.avail_in = static_cast<std::uint32_t>(text.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<std::uint32_t>(packed.size());
  EXPECT_EQ(isal_deflate_stateless(&stream), COMP_OK);
  packed.resize(stream.total_out);
  return packed;
}

struct Read {
  std::string text;
  std::string error;
};

Read read(const Bytes& bytes) {
  Read read;
  auto input = unpacked(open_memory(bytes));
  if (!input) return {"", input.error().message()};
  Bytes some(7);
  for (;;) {
    const auto count = (*input)->read(some);
    if (!count) {
      read.error = count.error().message();
      return read;
    }
    if (*count == 0) return read;
    read.text.append(some.begin(), some.begin() + static_cast<std::ptrdiff_t>(*count));
  }
}

TEST(Input, GzipMembersFollowEachOther) {
  Bytes bytes = gzip("one two three ");
  const Bytes more = gzip("four");
  bytes.insert(bytes.end(), more.begin(), more.end());
  EXPECT_EQ(read(bytes).text, "one two three four");
  EXPECT_EQ(read(bytes).error, "");
}

TEST(Input, WhatIsPlainComesAsItIs) {
  EXPECT_EQ(read({'a', 'b'}).text, "ab");
  EXPECT_EQ(read({}).text, "");
}

TEST(Input, OfACutGzipStreamTheFrontIsHandedOutBeforeTheError) {
  Bytes bytes = gzip("one two three four five");
  bytes.resize(bytes.size() - 9);  // into the data
  const Read got = read(bytes);
  EXPECT_EQ(got.text, std::string("one two three four five").substr(0, got.text.size()));
  EXPECT_EQ(got.error, "gzip: the stream ends too early: the file is truncated");
}

TEST(Input, AWrongChecksumIsDamageThoughAllWasUnpacked) {
  Bytes bytes = gzip("one two three four five");
  bytes[bytes.size() - 8] ^= 1U;
  const Read got = read(bytes);
  EXPECT_EQ(got.text, "one two three four five");
  EXPECT_EQ(got.error, "gzip: the stream is damaged");
}

}  // namespace
}  // namespace weir::base
