// One object, read again and again while it changes.
#include "logs/reading_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace weir::logs {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

const LineReader::Columns kWithoutHeader = {"srcaddr", "bytes"};

/// Keeps the second field of each line, and what did not fit.
class Sink : public LineSink {
 public:
  bool lines(const LineReader::Columns& columns, const Lines& lines, std::size_t first) override {
    for (std::size_t i = first; i < lines.size(); ++i) {
      got.emplace_back(lines.field(i, columns.size() - 1));
    }
    return true;
  }
  void problems(const Problems& problems) override {
    for (const std::string& problem : problems.first()) told.push_back(problem);
  }

  std::vector<std::string> got;
  std::vector<std::string> told;
};

class ReadingPlaceTest : public testing::Test {
 public:
  ReadingPlaceTest(const ReadingPlaceTest&) = delete;
  ReadingPlaceTest& operator=(const ReadingPlaceTest&) = delete;

 protected:
  ReadingPlaceTest()
      : path_((fs::path(testing::TempDir()) /
               (testing::UnitTest::GetInstance()->current_test_info()->name() +
                std::to_string(getpid()) + ".log"))
                  .string()) {
    fs::remove(path_);
  }
  ~ReadingPlaceTest() override { fs::remove(path_); }

  void write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }
  void append(const std::string& text) const {
    std::ofstream(path_, std::ios::binary | std::ios::app) << text;
  }
  /// As a writer that renames does: another file under the name.
  void replace(const std::string& text) const {
    std::ofstream(path_ + ".new", std::ios::binary) << text;
    fs::rename(path_ + ".new", path_);
  }
  std::vector<std::string> read(bool is_complete = false) {
    sink_.got.clear();
    place_.read(path_, kWithoutHeader, is_complete, sink_);
    return sink_.got;
  }

  std::string path_;
  ReadingPlace place_;
  Sink sink_;
};

TEST_F(ReadingPlaceTest, WhatIsAppendedIsReadOnce) {
  write("srcaddr bytes\n10.0.0.1 1\n");
  EXPECT_THAT(read(), ElementsAre("1"));
  EXPECT_THAT(read(), IsEmpty());
  append("10.0.0.1 2\n10.0.0.1 3\n");
  EXPECT_THAT(read(), ElementsAre("2", "3"));
  EXPECT_THAT(read(true), IsEmpty());
}

TEST_F(ReadingPlaceTest, ALineWithoutItsEndWaitsForItOrForTheClose) {
  write("10.0.0.1 1\n10.0");
  EXPECT_THAT(read(), ElementsAre("1"));
  append(".0.1 2");
  EXPECT_THAT(read(), IsEmpty());
  EXPECT_THAT(read(true), ElementsAre("2"));
  append("\n10.0.0.1 3\n");
  EXPECT_THAT(read(), ElementsAre("3"));
}

TEST_F(ReadingPlaceTest, AHeaderInTheMiddleHoldsForWhatComesLater) {
  write("srcaddr bytes\n10.0.0.1 1\nsrcaddr dstaddr bytes\n10.0.0.1 10.0.0.2 2\n");
  EXPECT_THAT(read(), ElementsAre("1", "2"));
  append("10.0.0.1 10.0.0.2 3\n");
  EXPECT_THAT(read(), ElementsAre("3"));
  EXPECT_THAT(sink_.told, IsEmpty());
}

TEST_F(ReadingPlaceTest, ABadLineIsToldByItsNumberInTheFileWhereverReadingBegan) {
  write("srcaddr bytes\n10.0.0.1 1\n");
  read();
  append("bad\n10.0.0.1 2\n");
  EXPECT_THAT(read(), ElementsAre("2"));
  EXPECT_THAT(sink_.told, ElementsAre(path_ + ":3: has 1 fields instead of 2, and is left out"));
}

TEST_F(ReadingPlaceTest, WhatWasPassedOverIsNotReadAndItsHeaderHolds) {
  write("srcaddr dstaddr bytes\n10.0.0.1 10.0.0.2 1\n10.0.0.1");
  place_.pass_over(path_);
  EXPECT_THAT(read(), IsEmpty());
  append(" 10.0.0.2 2\n10.0.0.1 10.0.0.2 3\n");
  EXPECT_THAT(read(), ElementsAre("2", "3"));
}

TEST_F(ReadingPlaceTest, AFileThatIsReplacedByALongerCopyOfItselfGoesOn) {
  write("10.0.0.1 1\n10.0.0.1 2\n");
  read();
  replace("10.0.0.1 1\n10.0.0.1 2\n10.0.0.1 3\n");
  EXPECT_THAT(read(), ElementsAre("3"));
}

TEST_F(ReadingPlaceTest, AFileThatIsReplacedByAnotherOrCutOffIsReadFromItsStart) {
  write("10.0.0.1 1\n10.0.0.1 2\n");
  read();
  replace("10.0.0.1 7\n10.0.0.1 8\n10.0.0.1 9\n");
  EXPECT_THAT(read(), ElementsAre("7", "8", "9"));
  write("10.0.0.1 5\n");
  EXPECT_THAT(read(), ElementsAre("5"));
}

TEST_F(ReadingPlaceTest, WhatIsGoneOrNoFileSaysNothing) {
  EXPECT_THAT(read(), IsEmpty());
  fs::create_directory(path_);
  EXPECT_THAT(read(), IsEmpty());
  EXPECT_THAT(sink_.told, IsEmpty());
}

}  // namespace
}  // namespace weir::logs
