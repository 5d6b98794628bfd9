// What other services put around a line, in pieces of any size.
#include "logs/unwrap.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::logs {
namespace {

struct Unwrapped {
  std::string lines;
  bool is_whole = true;
};

/// Gives the first `cut` bytes at once and the rest through the input.
Unwrapped unwrapped(std::string_view text, std::size_t cut = 0) {
  const std::string_view rest = text.substr(cut);
  const auto input = unwrap_messages(
      text.substr(0, cut),
      base::open_memory({reinterpret_cast<const std::uint8_t*>(rest.data()), rest.size()}));
  Unwrapped result;
  std::vector<std::uint8_t> bytes(7);
  for (;;) {
    const auto count = input->read(bytes);
    if (!count) {
      result.is_whole = false;
      return result;
    }
    if (*count == 0) return result;
    result.lines.append(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(*count));
  }
}

const std::string kNone = std::string(kNoMessage) + "\n";

TEST(Unwrap, MessagesAreFoundWhereverTheyAre) {
  EXPECT_EQ(unwrapped(R"({"message":"a b"})").lines, "a b\n");
  EXPECT_EQ(unwrapped("{\"message\":\"a\"}\n{\"message\":\"b\\n\"}\n").lines, "a\nb\n");
  EXPECT_EQ(unwrapped(R"({"message":"a"}{"message":"b"})").lines, "a\nb\n");
  EXPECT_EQ(unwrapped(R"( [ {"x": {"message" : "a"}, "message": "b"} ] )").lines, "a\nb\n");
  EXPECT_EQ(
      unwrapped(R"({"logEvents":[{"id":"1","message":"a"},{"message":"b"}],"owner":"1"})").lines,
      "a\nb\n");
}

TEST(Unwrap, EscapesAreUndoneAndOneMessageIsOneLine) {
  EXPECT_EQ(unwrapped(R"({"message":"\u0061\"\\ \nb\r\n"})").lines, "a\"\\  b\n");
  EXPECT_EQ(unwrapped(R"({"k\"}":"}{\\","message":"a"})").lines, "a\n");
}

TEST(Unwrap, AMessageIsNoKeyAndAKeyIsNoMessage) {
  EXPECT_EQ(unwrapped(R"({"type":"message","x":"y"})").lines, kNone);
  EXPECT_EQ(unwrapped(R"({"message":{"text":"a"}})").lines, kNone);
  EXPECT_EQ(unwrapped(R"({"message":5})").lines, kNone);
}

TEST(Unwrap, AnEmptyListTellsNothingAndControlMessagesAreLeftOut) {
  EXPECT_EQ(unwrapped(R"({"events":[]})").lines, "");
  EXPECT_EQ(unwrapped(R"({"logEvents":[{"message":"CWL CONTROL MESSAGE: Checking"}]})").lines, "");
}

TEST(Unwrap, WhatIsNoJsonStaysAsItIs) {
  EXPECT_EQ(unwrapped("{\"message\":\"a\"}\n2 b\n\n{\"message\":\"c\"}\nlast").lines,
            "a\n2 b\nc\nlast\n");
}

TEST(Unwrap, ABrokenObjectDoesNotTakeTheNextWithIt) {
  EXPECT_EQ(unwrapped("{\"message\":\"a\n{\"message\":\"b\"}\n").lines, kNone + "b\n");
}

TEST(Unwrap, AnObjectThatIsNotClosedIsToldAfterWhatIsGood) {
  for (const char* text :
       {R"({"message":"a"}{"mess)", R"({"message":"a")", R"({"message":"a"}{)"}) {
    const Unwrapped result = unwrapped(text);
    EXPECT_EQ(result.lines, "a\n") << text;
    EXPECT_FALSE(result.is_whole) << text;
  }
}

TEST(Unwrap, AMessageLongerThanAnyEventIsTold) {
  const std::string text(std::size_t{2} << 20U, 'x');
  EXPECT_EQ(unwrapped("{\"message\":\"" + text + "\"}{\"message\":\"b\"}").lines, kNone + "b\n");
}

TEST(Unwrap, TheResultDoesNotDependOnWhereTheInputIsCut) {
  const std::string text =
      "{\"a\":[1,{\"message\":\"x \\\"y\\\\\"}]}\nplain\n{\"message\":\"z\"} {}";
  const std::string whole = unwrapped(text).lines;
  EXPECT_EQ(whole, "x \"y\\\nplain\nz\n" + kNone);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) EXPECT_EQ(unwrapped(text, cut).lines, whole);
}

TEST(WordsInFront, CloudWatchPutsATimeAndSometimesTheStream) {
  EXPECT_EQ(words_in_front("2026-11-23T14:05:09.000Z 2 a", 2), 1U);
  EXPECT_EQ(words_in_front("2026-11-23T14:05:09+00:00 eni-1-all 2 a", 2), 2U);
  EXPECT_EQ(words_in_front("2026-11-23T14:05:09 2 a", 2), 1U);
  EXPECT_EQ(words_in_front("2 a", 2), 0U);
  EXPECT_EQ(words_in_front("2026-11-23 2 a", 2), 0U);
  EXPECT_EQ(words_in_front("", 2), 0U);
}

}  // namespace
}  // namespace weir::logs
