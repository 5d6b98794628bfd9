#include "deliver/destination.h"

#include <gtest/gtest.h>

namespace weir::deliver {
namespace {

std::string_view word_for(aws::Failure::Kind kind, int status, std::string code) {
  aws::Failure failure;
  failure.kind = kind;
  failure.status = status;
  failure.code = std::move(code);
  return to_string(undelivered(std::move(failure)).kind);
}

TEST(Undelivered, HasAwssWordForEachFailure) {
  using Kind = aws::Failure::Kind;
  EXPECT_EQ(word_for(Kind::refused, 403, "AccessDenied"), "Access error");
  EXPECT_EQ(word_for(Kind::refused, 404, "NoSuchBucket"), "Access error");
  EXPECT_EQ(word_for(Kind::local, 0, ""), "Access error");
  EXPECT_EQ(word_for(Kind::refused, 503, "SlowDown"), "Rate limited");
  EXPECT_EQ(word_for(Kind::refused, 429, "429"), "Rate limited");
  EXPECT_EQ(word_for(Kind::refused, 400, "ThrottlingException"), "Rate limited");
  EXPECT_EQ(word_for(Kind::refused, 400, "ResourceNotFoundException"), "Access error");
  EXPECT_EQ(word_for(Kind::refused, 400, "AccessDeniedException"), "Access error");
  EXPECT_EQ(word_for(Kind::refused, 400, "RequestTimeout"), "Unknown error");
  EXPECT_EQ(word_for(Kind::refused, 400, "InvalidArgument"), "Unknown error");
  EXPECT_EQ(word_for(Kind::refused, 500, "InternalError"), "Unknown error");
  EXPECT_EQ(word_for(Kind::unreachable, 0, ""), "Unknown error");
}

}  // namespace
}  // namespace weir::deliver
