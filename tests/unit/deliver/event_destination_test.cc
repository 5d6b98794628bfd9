// Events to CloudWatch Logs and Data Firehose: each is settled once, whatever fails in between.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "aws/base64.h"
#include "deliver/firehose_destination.h"
#include "deliver/logs_destination.h"
#include "destination_folder.h"
#include "unit/aws/scripted.h"

namespace weir::deliver {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kMissing = R"({"__type":"ResourceNotFoundException","message":"none"})";

class DeliveringEvents : public DestinationFolder {
 protected:
  DeliveringEvents() { fs::create_directories(root_); }

  static aws::JsonServicePlace place(const char* service, const char* target) {
    return {aws::parse_endpoint("http://127.0.0.1:4000", "").value(), {"r", service}, target};
  }
  /// A segment of these events.
  Segment segment(const std::vector<Event>& events, std::uint64_t sequence = 1) {
    std::string text;
    for (const Event& event : events) append_event(text, event);
    const fs::path file = root_ / std::to_string(sequence);
    std::ofstream(file) << text << "what the spool adds";
    return {sequence, file.filename().string(), events.size(), file, text.size()};
  }
  static Event event(int number, const std::string& stream = "eni-1-all") {
    return {record::at(kSlotOfTests + number), stream, std::to_string(number)};
  }
  static std::vector<Event> events(int count) {
    std::vector<Event> out;
    for (int i = 0; i < count; ++i) out.push_back(event(i));
    return out;
  }
  /// "CreateLogStream" and the like, in the order of the calls.
  [[nodiscard]] std::vector<std::string> operations() const {
    std::vector<std::string> out;
    for (const auto& each : transport_.asked) {
      const std::string target(aws::header_of(each.request.headers, "x-amz-target"));
      out.push_back(target.substr(target.find('.') + 1));
    }
    return out;
  }
  /// The messages of a call.
  [[nodiscard]] std::vector<std::string> messages(std::size_t call) const {
    std::vector<std::string> out;
    const json asked = json::parse(transport_.asked.at(call).body);
    for (const json& each : asked.at("logEvents")) {
      out.push_back(each.at("message"));
    }
    return out;
  }
  [[nodiscard]] std::size_t record_count(std::size_t call) const {
    return json::parse(transport_.asked.at(call).body).at("Records").size();
  }
  /// Firehose refuses those.
  void answer_refusing(std::size_t count, const std::vector<std::size_t>& refused,
                       const char* code = "ServiceUnavailableException") {
    json each = json::array();
    for (std::size_t i = 0; i < count; ++i) each.push_back({{"RecordId", "r"}});
    for (const std::size_t i : refused) each[i] = {{"ErrorCode", code}, {"ErrorMessage", "Slow"}};
    transport_.answer(200,
                      json{{"FailedPutCount", refused.size()}, {"RequestResponses", each}}.dump());
  }

  aws::Scripted transport_;
  aws::TestClock clock_;
  aws::FixedCredentials credentials_{aws::some_credentials()};
  aws::Client client_{transport_, &credentials_, clock_.clock(), {.attempts = 2}};
  aws::Logs logs_api_{client_, place("logs", aws::Logs::kTarget)};
  aws::Firehose firehose_api_{client_, place("firehose", aws::Firehose::kTarget)};
  LogsDestination logs_{{std::shared_ptr<void>(), &logs_api_}, "/flow", {}};
  FirehoseDestination firehose_{{std::shared_ptr<void>(), &firehose_api_}, "flow", {}};
};

TEST_F(DeliveringEvents, EachStreamHasCallsOfItsOwn) {
  transport_.answer(200, "{}");
  transport_.answer(200, "{}");
  ASSERT_TRUE(logs_.deliver(segment({event(1), event(2), event(0, "eni-2-all")})));
  EXPECT_THAT(messages(0), ElementsAre("1", "2"));
  EXPECT_THAT(messages(1), ElementsAre("0"));
  EXPECT_EQ(json::parse(transport_.asked[1].body).at("logStreamName"), "eni-2-all");
  EXPECT_EQ(json::parse(transport_.asked[1].body).at("logGroupName"), "/flow");
  EXPECT_EQ(json::parse(transport_.asked[0].body).at("logEvents")[0].at("timestamp"),
            (kSlotOfTests + 1) * 1000);
  EXPECT_EQ(logs_.tally().taken, 3U);
}

TEST_F(DeliveringEvents, AStreamThatIsMissingIsMade) {
  transport_.answer(400, kMissing);
  transport_.answer(200);
  transport_.answer(200, "{}");
  ASSERT_TRUE(logs_.deliver(segment(events(1))));
  EXPECT_THAT(operations(), ElementsAre("PutLogEvents", "CreateLogStream", "PutLogEvents"));
}

TEST_F(DeliveringEvents, AGroupThatIsMissingIsMadeWithItsStream) {
  transport_.answer(400, kMissing);
  transport_.answer(400, kMissing);
  transport_.answer(400, R"({"__type":"ResourceAlreadyExistsException"})");  // by somebody else
  transport_.answer(200);
  transport_.answer(200, "{}");
  ASSERT_TRUE(logs_.deliver(segment(events(1))));
  EXPECT_THAT(operations(), ElementsAre("PutLogEvents", "CreateLogStream", "CreateLogGroup",
                                        "CreateLogStream", "PutLogEvents"));
}

TEST_F(DeliveringEvents, WhatWasMadeAndIsStillMissingIsTriedAgainAfterAWait) {
  for (int i = 0; i < 2; ++i) {
    transport_.answer(400, kMissing);
    transport_.answer(200);
  }
  transport_.answer(400, kMissing);
  const auto delivered = logs_.deliver(segment(events(1)));
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().kind, DeliverLogsError::access_error);
  EXPECT_THAT(delivered.error().error.where, HasSubstr("log group /flow, stream eni-1-all"));
  EXPECT_THAT(clock_.slept, SizeIs(1));
}

TEST_F(DeliveringEvents, WhatMayNotBeMadeIsAnAccessError) {
  transport_.answer(400, kMissing);
  transport_.answer(400, R"({"__type":"AccessDeniedException","message":"no"})");
  const auto delivered = logs_.deliver(segment(events(1)));
  ASSERT_FALSE(delivered);
  EXPECT_EQ(to_string(delivered.error().kind), "Access error");
  EXPECT_THAT(delivered.error().error.hint, HasSubstr("logs:CreateLogStream"));
}

TEST_F(DeliveringEvents, WhatIsRefusedOfASegmentIsToldWithAllOfIt) {
  transport_.answer(200, R"({"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":2}})");
  for (int i = 0; i < 2; ++i) transport_.answer(503);
  const Segment whole = segment({event(1), event(2), event(3), event(0, "eni-2-all")});
  ASSERT_FALSE(logs_.deliver(whole));
  transport_.answer(200, R"({"rejectedLogEventsInfo":{"tooNewLogEventStartIndex":0}})");
  const auto delivered = logs_.deliver(whole);
  ASSERT_TRUE(delivered);
  EXPECT_EQ(delivered->refused, 3U);
  transport_.answer(200, "{}");
  EXPECT_EQ(logs_.deliver(segment(events(1), 2))->refused, 0U) << "of another one";
}

TEST_F(DeliveringEvents, WhatIsRefusedForEverIsCountedAndNotSentAgain) {
  transport_.answer(200, R"({"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":1,
                             "tooNewLogEventStartIndex":4}})");
  ASSERT_TRUE(logs_.deliver(segment(events(6))));
  EXPECT_EQ(logs_.tally().taken, 3U);
  EXPECT_EQ(logs_.tally().too_old, 1U);
  EXPECT_EQ(logs_.tally().too_new, 2U);
  EXPECT_THAT(transport_.asked, SizeIs(1));
}

TEST_F(DeliveringEvents, AnEventThatIsTooLargeIsCountedAndTheOthersGo) {
  transport_.answer(200, "{}");
  transport_.answer(200, "{}");
  Event large = event(1);
  large.line.assign(1'048'551, 'x');
  ASSERT_TRUE(logs_.deliver(segment({event(0), large, event(2)})));
  EXPECT_THAT(messages(0), ElementsAre("0"));
  EXPECT_THAT(messages(1), ElementsAre("2"));
  EXPECT_EQ(logs_.tally().too_large, 1U);
}

TEST_F(DeliveringEvents, WhatWasTakenIsNotSentAgainWhenTheSegmentComesAgain) {
  const Segment two = segment({event(1), event(2, "eni-2-all")});
  transport_.answer(200, "{}");
  transport_.answer(400, R"({"__type":"ThrottlingException"})");
  transport_.answer(400, R"({"__type":"ThrottlingException"})");
  const auto first = logs_.deliver(two);
  ASSERT_FALSE(first);
  EXPECT_EQ(to_string(first.error().kind), "Rate limited");
  // Nothing at all of the second attempt: what the first had remembered must stay so.
  transport_.answer(400, R"({"__type":"AccessDeniedException"})");
  ASSERT_FALSE(logs_.deliver(two));
  transport_.answer(200, "{}");
  ASSERT_TRUE(logs_.deliver(two));
  EXPECT_THAT(messages(4), ElementsAre("2"));
  EXPECT_EQ(logs_.tally().taken, 2U);
  EXPECT_EQ(logs_.tally().maybe_twice, 0U);
}

TEST_F(DeliveringEvents, EventsOfACallWithoutAnAnswerMayBeThereTwice) {
  transport_.answer(500);
  transport_.answer(200, R"({"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":1}})");
  ASSERT_TRUE(logs_.deliver(segment(events(3))));
  EXPECT_EQ(logs_.tally().maybe_twice, 2U) << "one was refused";
  EXPECT_EQ(logs_.tally().taken, 2U);
}

TEST_F(DeliveringEvents, SoDoThoseOfAnAttemptThatWasGivenUp) {
  const Segment one = segment(events(3));
  transport_.answer(500);
  transport_.answer(500);
  ASSERT_FALSE(logs_.deliver(one));
  transport_.answer(200, "{}");
  ASSERT_TRUE(logs_.deliver(one));
  EXPECT_EQ(logs_.tally().maybe_twice, 3U);
}

TEST_F(DeliveringEvents, ThoseWhoseStreamCouldNotBeMadeAreThereOnce) {
  const Segment one = segment(events(3));
  transport_.answer(400, kMissing);
  for (int i = 0; i < 2; ++i) transport_.answer(500);  // to CreateLogStream
  ASSERT_FALSE(logs_.deliver(one));
  EXPECT_THAT(operations(), ElementsAre("PutLogEvents", "CreateLogStream", "CreateLogStream"));
  transport_.answer(200, "{}");
  ASSERT_TRUE(logs_.deliver(one));
  EXPECT_EQ(logs_.tally().taken, 3U);
  EXPECT_EQ(logs_.tally().maybe_twice, 0U);
}

TEST_F(DeliveringEvents, WhatIsWrongWithTheStreamIsNoSegmentsOwn) {
  for (const char* code :
       {"ResourceNotFoundException", "AccessDeniedException", "ThrottlingException",
        "InvalidKMSResourceException", "InvalidSourceException", "IncompleteSignature",
        "MissingAuthenticationTokenException", "OptInRequired", "SomethingNew"}) {
    const int attempts = std::string_view(code) == "ThrottlingException" ? 2 : 1;
    for (int i = 0; i < attempts; ++i) {
      transport_.answer(400, json{{"__type", code}, {"message", "no"}}.dump());
    }
    const auto delivered = firehose_.deliver(segment(events(1)));
    ASSERT_FALSE(delivered) << code;
    EXPECT_FALSE(delivered.error().is_of_segment) << code;
  }
}

TEST_F(DeliveringEvents, ACallThatIsWrongInItselfHoldsUpNoOther) {
  transport_.answer(400, R"({"__type":"InvalidParameterException","message":"no"})");
  const auto delivered = logs_.deliver(segment(events(1)));
  ASSERT_FALSE(delivered);
  EXPECT_TRUE(delivered.error().is_of_segment);
  EXPECT_EQ(to_string(delivered.error().kind), "Unknown error");
}

TEST_F(DeliveringEvents, ADamagedFileHoldsUpNoOther) {
  Segment one = segment(events(1));
  one.bytes += 5;
  const auto delivered = logs_.deliver(one);
  ASSERT_FALSE(delivered);
  EXPECT_TRUE(delivered.error().is_of_segment);
  EXPECT_THAT(transport_.asked, IsEmpty());
}

TEST_F(DeliveringEvents, FirehoseGetsEachRecordAsJsonWithANewline) {
  answer_refusing(1, {});
  Event quoted = event(1);
  quoted.line = R"(2 "a\b" -)";
  ASSERT_TRUE(firehose_.deliver(segment({quoted})));
  const json asked = json::parse(transport_.asked[0].body);
  EXPECT_EQ(asked.at("DeliveryStreamName"), "flow");
  // {"message":"2 \"a\\b\" -"} and a newline, by coreutils' base64.
  EXPECT_EQ(asked.at("Records")[0].at("Data"), "eyJtZXNzYWdlIjoiMiBcImFcXGJcIiAtIn0K");
}

TEST_F(DeliveringEvents, OnlyWhatFirehoseRefusedIsSentAgainWithWhatFollows) {
  answer_refusing(500, {3, 499});
  answer_refusing(4, {});
  ASSERT_TRUE(firehose_.deliver(segment(events(502))));
  EXPECT_THAT(transport_.asked, SizeIs(2));
  EXPECT_EQ(record_count(0), 500U);
  const json again = json::parse(transport_.asked[1].body).at("Records");
  std::vector<std::string> sent;
  for (const json& each : again) sent.push_back(each.at("Data"));
  const auto data = [](int number) {
    return aws::base64(aws::bytes_of(fmt::format("{{\"message\":\"{}\"}}\n", number)));
  };
  EXPECT_THAT(sent, ElementsAre(data(3), data(499), data(500), data(501)));
  EXPECT_EQ(firehose_.tally().taken, 502U);
  EXPECT_EQ(firehose_.tally().maybe_twice, 0U);
  EXPECT_THAT(clock_.slept, SizeIs(1));
}

TEST_F(DeliveringEvents, RecordsThatFirehoseKeepsRefusingAreRateLimitedAndRemembered) {
  answer_refusing(3, {1});
  answer_refusing(1, {0});
  const Segment three = segment(events(3));
  const auto delivered = firehose_.deliver(three);
  ASSERT_FALSE(delivered);
  EXPECT_EQ(to_string(delivered.error().kind), "Rate limited");
  EXPECT_THAT(delivered.error().error.message(), HasSubstr("ServiceUnavailableException: Slow"));
  EXPECT_EQ(firehose_.tally().taken, 2U);
  answer_refusing(1, {});
  ASSERT_TRUE(firehose_.deliver(three));
  EXPECT_EQ(record_count(transport_.asked.size() - 1), 1U);
  EXPECT_EQ(firehose_.tally().taken, 3U);
}

TEST_F(DeliveringEvents, WhatIsKnownOfASegmentThatWasGivenUpGoesWithIt) {
  const auto fails_after_two = [this](std::uint64_t sequence) {
    answer_refusing(3, {2});
    answer_refusing(1, {0});
    EXPECT_FALSE(firehose_.deliver(segment(events(3), sequence)));
  };
  fails_after_two(1);
  fs::remove(root_ / "1");
  fails_after_two(2);
  answer_refusing(1, {});
  EXPECT_TRUE(firehose_.deliver(segment(events(3), 2)));
  EXPECT_EQ(record_count(4), 1U);
  answer_refusing(3, {});
  EXPECT_TRUE(firehose_.deliver(segment(events(3), 1))) << "a name that no spool gives again";
  EXPECT_EQ(record_count(5), 3U);
}

TEST_F(DeliveringEvents, AnInternalFailureIsAnUnknownError) {
  answer_refusing(1, {0}, "InternalFailure");
  answer_refusing(1, {0}, "InternalFailure");
  EXPECT_EQ(to_string(firehose_.deliver(segment(events(1))).error().kind), "Unknown error");
}

TEST_F(DeliveringEvents, WhatFirehoseRefusesAfterALostAnswerMayBeThereAsWellAsTheRest) {
  transport_.answer(500);
  answer_refusing(3, {2});
  answer_refusing(1, {});
  ASSERT_TRUE(firehose_.deliver(segment(events(3))));
  EXPECT_EQ(firehose_.tally().taken, 3U);
  EXPECT_EQ(firehose_.tally().maybe_twice, 3U);
}

TEST_F(DeliveringEvents, ARecordThatIsTooLargeForFirehoseIsCounted) {
  answer_refusing(1, {});
  Event large = event(0);
  large.line.assign(1'024'000 - 14, 'x');  // {"message":""} takes 14, the newline one
  ASSERT_TRUE(firehose_.deliver(segment({large, event(1)})));
  EXPECT_EQ(firehose_.tally().too_large, 1U);
  EXPECT_EQ(firehose_.tally().taken, 1U);
  answer_refusing(1, {});
  large.line.pop_back();
  ASSERT_TRUE(firehose_.deliver(segment({large}, 2)));
  EXPECT_EQ(firehose_.tally().taken, 2U);
}

}  // namespace
}  // namespace weir::deliver
