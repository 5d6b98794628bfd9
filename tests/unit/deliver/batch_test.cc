// The limits that AWS documents, at their edges.
#include "deliver/batch.h"

#include <gmock/gmock.h>

#include <vector>

namespace weir::deliver {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

std::size_t length(const BatchLimits& limits, const std::vector<BatchItem>& items) {
  return batch_length(limits, items.size(), [&](std::size_t i) { return items.at(i); });
}

std::vector<BatchItem> many(std::size_t count, std::size_t bytes) {
  return std::vector<BatchItem>(count, BatchItem{bytes, {}});
}

TEST(Batch, PutLogEventsTakesTenThousandEvents) {
  EXPECT_EQ(length(kLogsLimits, many(10'000, 1)), 10'000U);
  EXPECT_EQ(length(kLogsLimits, many(10'001, 1)), 10'000U);
}

TEST(Batch, PutLogEventsTakesAMebibyteWithTwentySixBytesForEachEvent) {
  // 4 * (262,118 + 26) = 1,048,576.
  EXPECT_EQ(length(kLogsLimits, many(4, 262'118)), 4U);
  auto items = many(4, 262'118);
  items.back().bytes += 1;
  EXPECT_EQ(length(kLogsLimits, items), 3U);
}

TEST(Batch, AnEventOfPutLogEventsHasNoMoreThanFitsAlone) {
  EXPECT_EQ(length(kLogsLimits, many(1, 1'048'550)), 1U);
  EXPECT_EQ(length(kLogsLimits, many(1, 1'048'551)), 0U);
}

TEST(Batch, PutLogEventsTakesTwentyFourHours) {
  const base::UnixSeconds start{hours(1000)};
  EXPECT_EQ(length(kLogsLimits, {{1, start}, {1, start + hours(1)}, {1, start + hours(24)}}), 3U);
  EXPECT_EQ(
      length(kLogsLimits, {{1, start}, {1, start + hours(1)}, {1, start + hours(24) + seconds(1)}}),
      2U);
}

TEST(Batch, PutRecordBatchTakesFiveHundredRecords) {
  EXPECT_EQ(length(kFirehoseLimits, many(500, 1)), 500U);
  EXPECT_EQ(length(kFirehoseLimits, many(501, 1)), 500U);
}

TEST(Batch, PutRecordBatchTakesFourMebibytes) {
  // 5 * 838,860 + 4 = 4,194,304.
  auto items = many(6, 838'860);
  items.back().bytes = 4;
  EXPECT_EQ(length(kFirehoseLimits, items), 6U);
  items.back().bytes = 5;
  EXPECT_EQ(length(kFirehoseLimits, items), 5U);
}

TEST(Batch, ARecordOfPutRecordBatchHasAThousandKibibytes) {
  EXPECT_EQ(length(kFirehoseLimits, many(1, 1'024'000)), 1U);
  EXPECT_EQ(length(kFirehoseLimits, many(1, 1'024'001)), 0U);
}

TEST(Batch, DaysApartAreNothingToFirehose) {
  EXPECT_EQ(length(kFirehoseLimits, {{1, {}}, {1, base::UnixSeconds(hours(1000))}}), 2U);
}

}  // namespace
}  // namespace weir::deliver
