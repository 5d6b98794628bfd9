// Calls to CloudWatch Logs and Data Firehose.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "aws/base64.h"
#include "aws/firehose.h"
#include "aws/logs.h"
#include "unit/aws/scripted.h"

namespace weir::aws {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Events : public testing::Test {
 public:
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

 protected:
  Events() = default;

  static JsonServicePlace place(const char* service, const char* target) {
    return {parse_endpoint("http://127.0.0.1:4000", "").value(), {"eu-west-1", service}, target};
  }
  Result<PutEvents> put_three() {
    const std::vector<LogEvent> events = {{at(1), "a \"1\""}, {at(2), "b"}, {at(3), "c"}};
    return logs_.put_events("/vpc/flow", "eni-1-all", events);
  }
  Result<PutRecords> put_records() {
    const std::vector<std::string> records = {"one\n", "two\n", "three\n"};
    return firehose_.put_records("flow", records);
  }
  [[nodiscard]] Json asked(std::size_t number) const {
    return Json::parse(transport_.asked.at(number).body);
  }
  [[nodiscard]] std::string_view header(const char* name) const {
    return header_of(transport_.asked.at(0).request.headers, name);
  }
  static std::chrono::sys_time<std::chrono::milliseconds> at(int second) {
    return std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::seconds(second));
  }

  Scripted transport_;
  TestClock clock_;
  FixedCredentials credentials_{some_credentials()};
  Client client_{transport_, &credentials_, clock_.clock()};
  Logs logs_{client_, place("logs", Logs::kTarget)};
  Firehose firehose_{client_, place("firehose", Firehose::kTarget)};
};

TEST_F(Events, ACallNamesItsOperationAndIsSignedForTheService) {
  transport_.answer(200, R"({"nextSequenceToken":"1"})");
  const auto put = put_three();
  ASSERT_TRUE(put);
  EXPECT_EQ(put->first_kept, 0U);
  EXPECT_EQ(put->end_kept, 3U);
  EXPECT_FALSE(put->may_be_repeated);
  EXPECT_EQ(transport_.asked[0].request.method, "POST");
  EXPECT_EQ(transport_.asked[0].request.url(), "http://127.0.0.1:4000/");
  EXPECT_EQ(header("x-amz-target"), "Logs_20140328.PutLogEvents");
  EXPECT_EQ(header("content-type"), "application/x-amz-json-1.1");
  EXPECT_THAT(std::string(header("authorization")), HasSubstr("/eu-west-1/logs/aws4_request"));
  EXPECT_EQ(asked(0), Json::parse(R"({"logGroupName": "/vpc/flow", "logStreamName": "eni-1-all",
      "logEvents": [{"timestamp": 1000, "message": "a \"1\""}, {"timestamp": 2000, "message": "b"},
                    {"timestamp": 3000, "message": "c"}]})"));
}

TEST_F(Events, WhatIsRejectedStandsBeforeAndBehindWhatIsKept) {
  const auto kept = [this](const char* rejected) {
    transport_.answer(200, std::string(R"({"rejectedLogEventsInfo":)") + rejected + "}");
    const auto put = put_three().value();
    return std::pair(put.first_kept, put.end_kept);
  };
  // The ends are exclusive, the start is inclusive.
  EXPECT_EQ(kept(R"({"tooOldLogEventEndIndex":1})"), std::pair(std::size_t{1}, std::size_t{3}));
  EXPECT_EQ(kept(R"({"expiredLogEventEndIndex":2})"), std::pair(std::size_t{2}, std::size_t{3}));
  EXPECT_EQ(kept(R"({"tooNewLogEventStartIndex":2})"), std::pair(std::size_t{0}, std::size_t{2}));
  EXPECT_EQ(kept(R"({"tooOldLogEventEndIndex":1,"expiredLogEventEndIndex":2,
                     "tooNewLogEventStartIndex":2})"),
            std::pair(std::size_t{2}, std::size_t{2}));
  EXPECT_EQ(kept(R"({"tooOldLogEventEndIndex":99,"tooNewLogEventStartIndex":0})"),
            std::pair(std::size_t{3}, std::size_t{3}))
      << "no more than there are";
  EXPECT_EQ(kept(R"({"tooOldLogEventEndIndex":-1,"tooNewLogEventStartIndex":"x"})"),
            std::pair(std::size_t{0}, std::size_t{3}));
  EXPECT_EQ(kept("null"), std::pair(std::size_t{0}, std::size_t{3}));
}

TEST_F(Events, WhatIsThereAlreadyIsMade) {
  transport_.answer(400, R"({"__type":"ResourceAlreadyExistsException"})");
  transport_.answer(400, R"({"__type":"ResourceNotFoundException"})");
  EXPECT_TRUE(logs_.create_group("g"));
  const auto stream = logs_.create_stream("g", "s");
  ASSERT_FALSE(stream);
  EXPECT_TRUE(stream.error().is("ResourceNotFoundException"));
  EXPECT_EQ(asked(1), Json::parse(R"({"logGroupName":"g","logStreamName":"s"})"));
}

TEST_F(Events, AnAttemptWhoseAnswerWasLostIsTold) {
  transport_.answer_by([](const Request&) { return Response{500, {}, ""}; });
  transport_.answer(200, "{}");
  EXPECT_TRUE(put_three().value().may_be_repeated);
  transport_.answer(503, "{}");
  transport_.answer(400, R"({"__type":"ThrottlingException"})");
  transport_.answer(200, "{}");
  EXPECT_FALSE(put_three().value().may_be_repeated) << "these two said that nothing was done";
}

TEST_F(Events, AnAnswerThatIsNoJsonTellsNothing) {
  for (const char* answer : {"<html>", "", "[]"}) {
    transport_.answer(200, answer);
    const auto put = put_three();
    ASSERT_FALSE(put) << answer;
    EXPECT_TRUE(put.error().may_be_done);
    EXPECT_THAT(put.error().error.message(), HasSubstr("no JSON"));
  }
}

TEST_F(Events, ARefusalNamesTheActionThatIsMissing) {
  transport_.answer(400, R"({"__type":"AccessDeniedException","message":"no"})");
  EXPECT_THAT(put_three().error().error.hint, HasSubstr("logs:PutLogEvents"));
}

TEST_F(Events, RecordsOfFirehoseAreBase64) {
  transport_.answer(200, R"({"FailedPutCount":0,"RequestResponses":[]})");
  const auto put = put_records();
  ASSERT_TRUE(put);
  EXPECT_THAT(put->refused, IsEmpty());
  EXPECT_EQ(header("x-amz-target"), "Firehose_20150804.PutRecordBatch");
  EXPECT_EQ(asked(0), Json::parse(R"({"DeliveryStreamName":"flow","Records":[
      {"Data":"b25lCg=="},{"Data":"dHdvCg=="},{"Data":"dGhyZWUK"}]})"));
}

TEST_F(Events, TheRecordsThatFirehoseRefusedAreTold) {
  transport_.answer(200, R"({"FailedPutCount":2,"RequestResponses":[
      {"ErrorCode":"ServiceUnavailableException","ErrorMessage":"Slow down."},
      {"RecordId":"r"},{"ErrorCode":"InternalFailure"}]})");
  const auto put = put_records();
  ASSERT_TRUE(put);
  ASSERT_THAT(put->refused, SizeIs(2));
  EXPECT_EQ(put->refused[0].index, 0U);
  EXPECT_EQ(put->refused[0].message, "Slow down.");
  EXPECT_EQ(put->refused[1].index, 2U);
  EXPECT_EQ(put->refused[1].code, "InternalFailure");
}

TEST_F(Events, AnAnswerThatDoesNotTellWhichRecordsItTookIsAFailure) {
  for (const char* answer :
       {R"({"FailedPutCount":1})", R"({"FailedPutCount":1,"RequestResponses":[{"RecordId":"r"}]})",
        R"({"FailedPutCount":1,"RequestResponses":[{},{},{}]})", "{}"}) {
    transport_.answer(200, answer);
    const auto put = put_records();
    ASSERT_FALSE(put) << answer;
    EXPECT_TRUE(put.error().may_be_done);
  }
}

TEST(Base64, IsThatOfRfc4648) {
  const auto of = [](std::string_view text) { return base64(bytes_of(text)); };
  EXPECT_EQ(of(""), "");
  EXPECT_EQ(of("f"), "Zg==");
  EXPECT_EQ(of("fo"), "Zm8=");
  EXPECT_EQ(of("foo"), "Zm9v");
  EXPECT_EQ(of("foobar"), "Zm9vYmFy");
}

}  // namespace
}  // namespace weir::aws
