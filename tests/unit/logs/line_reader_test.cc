// Lines and their fields, of whatever a text object holds.
#include "logs/line_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

namespace weir::logs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Rows = std::vector<std::string>;  // "column=value …", so that the format shows

const LineReader::Columns kTwo = {"srcaddr", "bytes"};

std::unique_ptr<base::Input> memory(std::string_view text) {
  return base::open_memory({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

struct Result {
  Rows rows;
  std::vector<std::uint64_t> numbers;
  bool is_damaged = false;
};

Result read(std::string_view text, Problems& problems) {
  Result result;
  auto reader = LineReader::open(memory(text), "a.log", kTwo, problems);
  if (!reader) {
    result.is_damaged = true;
    return result;
  }
  for (;;) {
    const auto lines = (*reader)->next();
    if (!lines || *lines == nullptr) {
      result.is_damaged = !lines;
      return result;
    }
    const auto& columns = (*reader)->columns();
    for (std::size_t i = 0; i < (*lines)->size(); ++i) {
      std::string row;
      for (std::size_t j = 0; j < columns.size(); ++j) {
        row += (row.empty() ? "" : " ") + columns[j] + "=" + std::string((*lines)->field(i, j));
      }
      result.rows.push_back(std::move(row));
      result.numbers.push_back((*reader)->line_number(i));
    }
  }
}

Rows rows_of(std::string_view text) {
  Problems problems;
  return read(text, problems).rows;
}

TEST(LineReader, AHeaderNamesTheColumns) {
  EXPECT_THAT(rows_of("bytes action\n5 ACCEPT\n"), ElementsAre("bytes=5 action=ACCEPT"));
}

TEST(LineReader, AHeaderIsOneInAnyCaseWithUnderscoresAndBehindAByteOrderMark) {
  for (const char* header : {"log_status tcp_flags", "LOG-STATUS TCP-FLAGS", "Log_Status Tcp-Flags",
                             "\xef\xbb\xbflog-status tcp-flags"}) {
    const std::string line = std::string(header) + "\r\n";
    EXPECT_THAT(rows_of(line + "OK 2\n"), ElementsAre("log-status=OK tcp-flags=2"));
    EXPECT_THAT(rows_of("10.0.0.1 5\n" + line + "OK 2\n"),
                ElementsAre("srcaddr=10.0.0.1 bytes=5", "log-status=OK tcp-flags=2"))
        << "in the middle";
  }
  EXPECT_THAT(rows_of("\xef\xbb\xbf"
                      "10.0.0.1 5\n"),
              ElementsAre("srcaddr=10.0.0.1 bytes=5"));
}

TEST(LineReader, WithoutAHeaderTheColumnsAreTheGivenOnes) {
  EXPECT_THAT(rows_of("10.0.0.1 5"), ElementsAre("srcaddr=10.0.0.1 bytes=5"));
}

TEST(LineReader, AHeaderMayNameFieldsOfTheFuture) {
  EXPECT_THAT(rows_of("bytes brand-new\n5 x\n"), ElementsAre("bytes=5 brand-new=x"));
}

TEST(LineReader, AValueThatIsCalledLikeAFieldIsNoHeader) {
  EXPECT_THAT(rows_of("instance-tag instance-tag-2 action\nend web ACCEPT\nregion web ACCEPT\n"),
              ElementsAre("instance-tag=end instance-tag-2=web action=ACCEPT",
                          "instance-tag=region instance-tag-2=web action=ACCEPT"));
}

TEST(LineReader, AHeaderInTheMiddleChangesTheColumnsThoughItHasAsMany) {
  EXPECT_THAT(
      rows_of("bytes action\n5 ACCEPT\naction bytes\nREJECT 6\naction bytes\nACCEPT 7\nend\n8\n"),
      ElementsAre("bytes=5 action=ACCEPT", "action=REJECT bytes=6", "action=ACCEPT bytes=7",
                  "end=8"));
}

TEST(LineReader, CarriageReturnsAndEmptyLinesAreNoPartOfALine) {
  EXPECT_THAT(rows_of("\r\n\nbytes action\r\n\r\n5 ACCEPT\r\n\n6 REJECT\r\n"),
              ElementsAre("bytes=5 action=ACCEPT", "bytes=6 action=REJECT"));
}

TEST(LineReader, LinesThatDoNotFitAreToldWithTheirNumber) {
  Problems problems;
  const Result result = read("bytes action\n5 ACCEPT\n1 2 3\nx\n\n\xff y\n6 REJECT\n", problems);
  EXPECT_THAT(result.rows, ElementsAre("bytes=5 action=ACCEPT", "bytes=6 action=REJECT"));
  EXPECT_THAT(result.numbers, ElementsAre(2, 7));
  EXPECT_THAT(problems.first(), ElementsAre("a.log:3: has 3 fields instead of 2, and is left out",
                                            "a.log:4: has 1 fields instead of 2, and is left out",
                                            "a.log:6: is not UTF-8, and is left out"));
}

TEST(LineReader, ABadFirstLineIsNoReasonToRefuseTheOthers) {
  Problems problems;
  EXPECT_THAT(read("# by hand, today\n10.0.0.1 5\n", problems).rows,
              ElementsAre("srcaddr=10.0.0.1 bytes=5"));
  EXPECT_EQ(problems.bad_lines(), 1U);
}

TEST(LineReader, AnObjectWithoutAnyLineThatFitsIsRefused) {
  Problems problems;
  const auto reader = LineReader::open(memory("a b c\nd e f\n"), "a.log", kTwo, problems);
  ASSERT_FALSE(reader);
  EXPECT_THAT(reader.error().message(), HasSubstr("--log-format"));
}

TEST(LineReader, AFrontThatEndsInTheHeaderTellsNoColumns) {
  std::string header = "bytes";
  while (header.size() < 6000) header += " brand-new-" + std::to_string(header.size());
  EXPECT_FALSE(LineReader::columns_at_front(memory(header + "\n5\n"), kTwo));
  const auto whole = LineReader::columns_at_front(memory("bytes action"), kTwo);
  ASSERT_TRUE(whole) << "an object may end with its header";
  EXPECT_THAT(*whole, ElementsAre("bytes", "action"));
}

TEST(LineReader, ALineThatIsTooLongIsLeftOutWhereverItIs) {
  const std::string header = "bytes action\n";
  const std::string line = "5 ACCEPT\n";
  const std::string large = std::string(1'000'000, 'x') + "\n";
  for (const auto& parts :
       {std::array{header, line, large, line}, std::array{large, header, line, line},
        std::array{header, large, line, line}}) {
    Problems problems;
    const Result result = read(parts[0] + parts[1] + parts[2] + parts[3], problems);
    EXPECT_EQ(result.rows.size(), 2U);
    EXPECT_EQ(problems.bad_lines(), 1U);
    EXPECT_EQ(result.numbers.back(), 4U);
  }
}

TEST(LineReader, TheTimeThatCloudWatchPutsInFrontIsTakenOff) {
  EXPECT_THAT(rows_of("2026-11-23T14:05:09.000Z 10.0.0.1 5\n"),
              ElementsAre("=2026-11-23T14:05:09.000Z srcaddr=10.0.0.1 bytes=5"));
}

TEST(LineReader, JsonWithoutAMessageIsToldAsALine) {
  Problems problems;
  EXPECT_THAT(read("{\"message\":\"10.0.0.1 5\"}\n{\"x\":1}\n", problems).rows,
              ElementsAre("srcaddr=10.0.0.1 bytes=5"));
  EXPECT_THAT(problems.first(), ElementsAre("a.log:2: is JSON without a message, and is left out"));
}

/// The naive reader: whole lines with two words.
TEST(LineReader, ReadsWhatANaiveReaderReadsThroughManyBlocks) {
  std::mt19937 random(3);
  std::string text = "bytes action\n";
  Rows expected;
  for (int i = 0; i < 60'000; ++i) {
    const std::string bytes = std::to_string(random());
    switch (random() % 50) {
      case 0:
        text += "bytes action\n";
        break;
      case 1:
        text += bytes + "\n";
        break;
      case 2:
        text += '\n';
        break;
      default:
        text += bytes + " ACCEPT\n";
        expected.push_back("bytes=" + bytes + " action=ACCEPT");
    }
  }
  EXPECT_EQ(rows_of(text), expected);
}

}  // namespace
}  // namespace weir::logs
