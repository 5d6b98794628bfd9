#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/printable.h"
#include "cli/top_screen.h"
#include "cli/top_table.h"

namespace weir::cli {
namespace {

using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

class Top : public ::testing::Test {
 protected:
  void add(const std::string& source, std::uint64_t packets, std::uint64_t bytes,
           const std::string& action = "ACCEPT", const std::string& port = "443") {
    const std::vector<std::string> values = {"eni-1",
                                             source,
                                             "10.0.0.1",
                                             "40000",
                                             port,
                                             "17",
                                             std::to_string(packets),
                                             std::to_string(bytes),
                                             action};
    table_.flow(LoggedRecord(format_, {values.begin(), values.end()}));
  }
  void end_second(int seconds = 1, std::uint64_t left_out = 0) {
    time_ += std::chrono::seconds(seconds);
    table_.drained(time_, left_out);
  }
  [[nodiscard]] TopTable::Side side() const { return table_.accepted(TopOrder::bytes, 0, 9); }
  std::vector<std::string> lines(TopSize size = {200, 40}) {
    return top_lines(table_, view_, {"top", true}, size, {});
  }
  /// Sources of the accepted rows, from above.
  [[nodiscard]] std::vector<std::string> order(TopOrder order, std::size_t first = 0) const {
    std::vector<std::string> out;
    for (const TopRow* row : table_.accepted(order, first, 100).rows) out.push_back(row->source);
    return out;
  }

  RecordWords words_;
  TopTable table_{words_};
  TopView view_;

 private:
  base::UnixSeconds time_{std::chrono::seconds(1'000'000'000)};
  std::shared_ptr<const RecordFormat> format_ = std::make_shared<RecordFormat>(
      logs::LineReader::Columns{"interface-id", "srcaddr", "dstaddr", "srcport", "dstport",
                                "protocol", "packets", "bytes", "action"});
};

TEST_F(Top, SortsByWhatTheLastSecondBroughtOrByAllOfIt) {
  using Order = std::vector<std::string>;
  add("10.0.0.2", 1, 9000);
  end_second();
  add("10.0.0.3", 1, 1500);
  add("10.0.0.4", 9, 900);
  end_second();
  EXPECT_EQ(order(TopOrder::bytes), (Order{"10.0.0.3", "10.0.0.4", "10.0.0.2"}));
  EXPECT_EQ(order(TopOrder::packets), (Order{"10.0.0.4", "10.0.0.3", "10.0.0.2"}));
  EXPECT_EQ(order(TopOrder::total), (Order{"10.0.0.2", "10.0.0.3", "10.0.0.4"}));
  EXPECT_EQ(order(TopOrder::total, 2), (Order{"10.0.0.4"}));
}

TEST_F(Top, AddsUpPortsOfTalkersAndKeepsRefusedServicesApart) {
  add("10.0.0.2", 1, 100, "ACCEPT", "80");
  add("10.0.0.2", 2, 200, "ACCEPT", "81");
  add("10.0.0.2", 3, 300, "REJECT", "22");
  add("10.0.0.2", 4, 400, "REJECT", "23");
  end_second();
  EXPECT_EQ(table_.accepted(TopOrder::bytes, 0, 9).count, 1U);
  EXPECT_EQ(table_.accepted(TopOrder::bytes, 0, 9).total.bytes, 300U);
  EXPECT_EQ(table_.refused(TopOrder::bytes, 0, 9).count, 2U);
  EXPECT_THAT(lines(), Contains(HasSubstr("telnet (23/UDP)")));
}

TEST_F(Top, GivesUpTheSmallestRowsOfAFloodAndNothingOfTheSums) {
  const std::size_t flood = TopTable::kMostRows + 1;
  add("10.9.9.9", 1000, 100'000);
  for (std::size_t i = 0; i < flood; ++i) add("10.1.0." + std::to_string(i), 1, 100);
  end_second();
  const auto side = table_.accepted(TopOrder::total, 0, 1);
  EXPECT_LT(side.count, TopTable::kMostRows);
  EXPECT_EQ(side.rows.front()->source, "10.9.9.9");
  EXPECT_EQ(side.total.packets, 1000 + flood);
  EXPECT_EQ(side.last.bytes, 100'000 + 100 * flood);
}

TEST_F(Top, TellsOfASecondWhereADrainTookSeveral) {
  add("10.0.0.2", 1, 100);
  end_second();
  add("10.0.0.2", 31, 3000);
  end_second(3);
  EXPECT_EQ(side().last.bytes, 1000U);
  EXPECT_EQ(side().last.packets, 10U);
  EXPECT_EQ(side().total.bytes, 3100U);
  add("10.0.0.2", 1, 100);
  end_second(-7);  // the clock was set back
  EXPECT_EQ(side().last.bytes, 100U);
}

TEST_F(Top, TakesNoSecondForWholeOfWhichLinesWereMissed) {
  add("10.0.0.2", 1, 100);
  end_second();
  EXPECT_THAT(lines().front(), "top, by bytes/s");
  add("10.0.0.2", 2, 200);
  table_.missed(7);  // the end of that drain among them
  add("10.0.0.2", 3, 300);
  end_second(2);
  EXPECT_EQ(side().last.bytes, 100U);
  EXPECT_EQ(side().total.bytes, 600U);
  EXPECT_EQ(table_.whole_drains(), 1U);
  EXPECT_THAT(lines().front(), HasSubstr("; 7 lines were missed, so that sums are too low"));
  EXPECT_THAT(lines().front(), HasSubstr("; what is told of a second is of the last whole one"));
  add("10.0.0.2", 4, 400);
  end_second();
  EXPECT_EQ(side().last.bytes, 400U);
  EXPECT_THAT(lines().front(), EndsWith("; 7 lines were missed, so that sums are too low"));
}

TEST_F(Top, RemembersFlowsThatItWasNotShown) {
  end_second(1, 20);
  end_second(1, 0);
  EXPECT_THAT(lines().front(), EndsWith("; without 0 flows of the last second, 20 of all"));
}

TEST_F(Top, WritesLargeNumbersShortly) {
  add("10.0.0.2", 9999, 10'000);
  add("10.0.0.3", 999'499, 999'500);
  add("10.0.0.4", 12'345'678, 9'940'000'000);
  end_second();
  const std::vector<std::string> shown = lines();
  EXPECT_THAT(shown, Contains(HasSubstr("10k       9999 ")));
  EXPECT_THAT(shown, Contains(HasSubstr("1.0M       999k ")));
  EXPECT_THAT(shown, Contains(HasSubstr("9.9G        12M ")));
}

TEST_F(Top, FitsIntoAnyTerminalAndScrollsNoFurtherThanItsLastRow) {
  for (int i = 0; i < 50; ++i) {
    add("10.0.1." + std::to_string(i), 1, 100);
    add("10.0.2." + std::to_string(i), 1, 100, "REJECT");
  }
  end_second();
  for (const std::size_t height : {0U, 1U, 5U, 8U, 24U, 200U}) {
    for (const std::size_t width : {0U, 1U, 40U, 300U}) {
      const std::vector<std::string> shown = lines({width, height});
      EXPECT_LE(shown.size(), height);
      for (const std::string& line : shown) EXPECT_LE(base::width(line), width);
    }
  }
  view_.first_accepted = 1'000'000;
  const std::vector<std::string> shown = lines({200, 24});
  EXPECT_THAT(shown, Contains(HasSubstr("10.0.1.9 ")));
  EXPECT_THAT(shown, Not(Contains(HasSubstr("10.0.1.0 "))));
  EXPECT_EQ(shown.size(), 24U);
}

TEST_F(Top, ObeysItsKeysAndOverlooksOthers) {
  EXPECT_FALSE(view_.press("q"));
  for (const char* key : {"x", "\x1b", "\x1b[Z", "\x1b[A", ""}) EXPECT_TRUE(view_.press(key));
  EXPECT_EQ(view_.first_accepted, 0U);
  view_.press("\x1b[B");
  view_.press("\t");
  view_.press("\x1b[6~");
  EXPECT_EQ(view_.first_accepted, 1U);
  EXPECT_EQ(view_.first_refused, 10U);
  view_.press("s");
  EXPECT_EQ(view_.order, TopOrder::packets);
  view_.press("s");
  view_.press("s");
  EXPECT_EQ(view_.order, TopOrder::bytes);
}

}  // namespace
}  // namespace weir::cli
