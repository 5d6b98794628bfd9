// Rows as people and as programs get them.
#include "base/table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace weir::base {
namespace {

using Row = RowPrinter::Row;

std::string printed(std::vector<Column> columns, const std::vector<Row>& rows, OutputForm form) {
  std::ostringstream out;
  const auto printer = make_printer(out, std::move(columns), form);
  for (const Row& row : rows) printer->row(row);
  printer->finish();
  return out.str();
}

TEST(Table, NumbersInJsonKeepTheirDigits) {
  const std::string json =
      printed({{"a", true}, {"b", true}, {"c", true}},
              {{"1.50", "170141183460469231731687303715884105727", "-0"}}, OutputForm::json);
  EXPECT_EQ(json, "[\n {\"a\":1.50,\"b\":170141183460469231731687303715884105727,\"c\":-0}\n]\n");
}

TEST(Table, WhatJsonHasNoNumberForIsText) {
  const std::string json =
      printed({{"a", true}, {"b", true}, {"c", true}}, {{"inf", "nan", {}}}, OutputForm::json);
  EXPECT_EQ(nlohmann::json::parse(json)[0],
            nlohmann::json({{"a", "inf"}, {"b", "nan"}, {"c", nullptr}}));
}

TEST(Table, OfTwoColumnsWithOneNameNoneIsLostInJson) {
  const std::string json = printed({{"a"}, {"a"}, {"a_1"}}, {{"x", "y", "z"}}, OutputForm::json);
  EXPECT_EQ(nlohmann::json::parse(json)[0],
            nlohmann::json({{"a", "x"}, {"a_1", "y"}, {"a_1_1", "z"}}));
}

TEST(Table, JsonInAColumnOfJsonIsNotQuotedAndAnythingElseIs) {
  const Column column{"a", false, false, true};
  EXPECT_EQ(printed({column}, {{"[1,{\"b\":2}]"}}, OutputForm::json),
            "[\n {\"a\":[1,{\"b\":2}]}\n]\n");
  EXPECT_EQ(printed({column}, {{"[nan]"}}, OutputForm::json), "[\n {\"a\":\"[nan]\"}\n]\n");
}

TEST(Table, BytesThatAreNoTextLeaveJsonValid) {
  EXPECT_TRUE(nlohmann::json::accept(printed({{"a\xff"}}, {{"\xc3(\x01"}}, OutputForm::json)));
}

TEST(Table, ControlCharactersDoNotReachATerminal) {
  EXPECT_EQ(printed({{"a"}}, {{"\x1b[2Jx\ny"}}, OutputForm::table), "a\n.[2Jx.y\n");
}

TEST(Table, CsvQuotesWhatItMust) {
  EXPECT_EQ(printed({{"a,b"}, {"c"}}, {{"say \"hi\"", {}}, {"two\nlines", "-"}}, OutputForm::csv),
            "\"a,b\",c\r\n\"say \"\"hi\"\"\",\r\n\"two\nlines\",-\r\n");
}

TEST(Table, MarkdownAlignsNumbersToTheRightAndEscapesBars) {
  EXPECT_EQ(
      printed({{"name"}, {"n", true}}, {{"x", "1"}, {{}, "1000"}, {"a|b", "2"}},
              OutputForm::markdown),
      "| name |    n |\n| ---- | ---: |\n| x    |    1 |\n| -    | 1000 |\n| a\\|b |    2 |\n");
}

TEST(Table, AWiderRowAfterTheMeasuredOnesPushesItselfOut) {
  std::vector<Row> rows(RowPrinter::kMeasuredRows, Row{"x", "1"});
  rows.push_back({"wider", "22"});
  rows.push_back({"x", "1"});
  const std::string text = printed({{"a"}, {"b", true}}, rows, OutputForm::table);
  EXPECT_EQ(text.substr(0, 10), "a  b\nx  1\n");
  EXPECT_EQ(text.substr(text.size() - 20), "wider  22\nx       1\n");
}

TEST(Table, NoRowIsAnEmptyArray) {
  EXPECT_EQ(printed({{"a"}}, {}, OutputForm::json), "[]\n");
  EXPECT_EQ(printed({{"a"}}, {}, OutputForm::table), "a\n");
}

}  // namespace
}  // namespace weir::base
