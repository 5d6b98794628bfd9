#include "deliver/s3_destination.h"

#include <gmock/gmock.h>

#include <fstream>

#include "destination_folder.h"
#include "unit/aws/scripted.h"

namespace weir::deliver {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Delivering : public DestinationFolder {
 protected:
  /// Records one object and delivers it.
  base::Expected<void> deliver() {
    Publisher publisher = open();
    S3Destination destination(s3_, {"logs", "pre/fix", "", ""}, 1);
    publisher.deliver_to(destination);
    if (auto added = publisher.add(record_at(kSlotOfTests)); !added) return added;
    auto finished = publisher.finish();
    undelivered_ = destination.undelivered();
    key_ = publisher.published().at(0).key;
    bytes_ = publisher.published().at(0).bytes;
    return finished;
  }

  aws::Scripted transport_;
  aws::TestClock clock_;
  aws::FixedCredentials credentials_{aws::some_credentials()};
  aws::Client client_{transport_, &credentials_, clock_.clock()};
  aws::S3 s3_{client_, {aws::parse_endpoint("http://127.0.0.1:9000", "").value(), "us-east-1", {}}};
  std::string key_;
  std::uint64_t bytes_ = 0;
  std::uint64_t undelivered_ = 0;
};

TEST_F(Delivering, AnObjectGoesUnderThePrefixAsAwsPutsIt) {
  transport_.answer(200);
  ASSERT_TRUE(deliver());
  ASSERT_THAT(transport_.asked, SizeIs(1));
  const aws::Request& put = transport_.asked[0].request;
  EXPECT_EQ(put.url(), "http://127.0.0.1:9000/logs/pre/fix/" + key_);
  EXPECT_EQ(aws::header_of(put.headers, "x-amz-acl"), "bucket-owner-full-control");
  EXPECT_EQ(aws::header_of(put.headers, "if-none-match"), "*");
  EXPECT_EQ(transport_.asked[0].body.size(), bytes_);
  EXPECT_THAT(files(), IsEmpty()) << "it is in the bucket now";
}

TEST_F(Delivering, WhatIsRefusedStaysInItsFile) {
  transport_.answer(403, "<Error><Code>AccessDenied</Code></Error>");
  const auto delivered = deliver();
  ASSERT_FALSE(delivered);
  EXPECT_THAT(delivered.error().message(), HasSubstr("s3://logs/pre/fix/AWSLogs/"));
  EXPECT_THAT(delivered.error().message(), HasSubstr("AccessDenied"));
  EXPECT_THAT(files(), SizeIs(1));
  EXPECT_EQ(undelivered_, 1U);
}

TEST_F(Delivering, AnAnswerThatWasLostIsFoundOutByTheKeyBeingTaken) {
  transport_.answer_nothing();
  transport_.answer(412, "<Error><Code>PreconditionFailed</Code></Error>");
  // The object's own length is not known before: the test says it when it is asked.
  transport_.answer_by([this](const aws::Request& request) {
    EXPECT_EQ(request.method, "HEAD");
    return aws::Response{
        200, {{"Content-Length", std::to_string(transport_.asked[0].body.size())}}, ""};
  });
  ASSERT_TRUE(deliver());
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(Delivering, AStrangersObjectUnderTheKeyIsAnError) {
  transport_.answer(412, "<Error><Code>PreconditionFailed</Code></Error>");
  transport_.answer(200, "", {{"Content-Length", "1"}});
  const auto delivered = deliver();
  ASSERT_FALSE(delivered);
  EXPECT_THAT(delivered.error().message(), HasSubstr("is another object"));
  EXPECT_THAT(files(), SizeIs(1));
}

TEST_F(Delivering, AfterOneThatFailedForGoodTheOthersAreNotTried) {
  transport_.answer(403, "<Error><Code>AccessDenied</Code></Error>");
  Publisher publisher = open();
  S3Destination destination(s3_, {"logs", "", "", ""}, 1);
  publisher.deliver_to(destination);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(publisher.add(record_at(kSlotOfTests + std::int64_t{i} * 300)));
  }
  EXPECT_FALSE(publisher.finish());
  EXPECT_THAT(transport_.asked, SizeIs(1));
  EXPECT_THAT(files(), SizeIs(3));
  EXPECT_EQ(destination.undelivered(), 3U);
}

TEST_F(Delivering, AProbePutsAnEmptyObjectAndRemovesIt) {
  transport_.answer(200);
  transport_.answer(403);
  EXPECT_TRUE(probe(s3_, {"logs", "a", "", ""}, "123456789012")) << "it may stay";
  EXPECT_EQ(transport_.asked[0].request.url(),
            "http://127.0.0.1:9000/logs/a/AWSLogs/123456789012/WeirDeliveryTestFile");
  transport_.answer(403, "<Error><Code>AccessDenied</Code></Error>");
  EXPECT_FALSE(probe(s3_, {"logs", "a", "", ""}, "123456789012"));
}

}  // namespace
}  // namespace weir::deliver
