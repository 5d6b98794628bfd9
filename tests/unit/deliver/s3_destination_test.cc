#include "deliver/s3_destination.h"

#include <gmock/gmock.h>

#include <fstream>

#include "deliver/spool.h"
#include "destination_folder.h"
#include "unit/aws/scripted.h"

namespace weir::deliver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class ToBucket : public DestinationFolder {
 protected:
  ToBucket() : spool_(Spool::open(root_, {}, [](const base::LogLine&) {}).value()) {
    auto publisher = Publisher::open(spool_, flow_log_).value();
    EXPECT_TRUE(publisher.add(record_at(kSlotOfTests)));
    EXPECT_TRUE(publisher.finish());
    segment_ = spool_.take([](std::uint64_t) { return true; }).value();
  }
  Delivered deliver() {
    S3Destination destination(std::shared_ptr<aws::S3>(std::shared_ptr<aws::S3>(), &s3_),
                              {"logs", "pre/fix", "", ""}, std::nullopt, {});
    return destination.deliver(segment_);
  }

  aws::Scripted transport_;
  aws::TestClock clock_;
  aws::FixedCredentials credentials_{aws::some_credentials()};
  aws::Client client_{transport_, &credentials_, clock_.clock()};
  aws::S3 s3_{client_, {aws::parse_endpoint("http://127.0.0.1:9000", "").value(), "us-east-1", {}}};
  Spool spool_;
  Segment segment_;
};

TEST_F(ToBucket, AnObjectGoesUnderThePrefixAsAwsPutsIt) {
  transport_.answer(200);
  ASSERT_TRUE(deliver());
  ASSERT_THAT(transport_.asked, SizeIs(1));
  const aws::Request& put = transport_.asked[0].request;
  EXPECT_EQ(put.url(), "http://127.0.0.1:9000/logs/pre/fix/" + segment_.key);
  EXPECT_EQ(aws::header_of(put.headers, "x-amz-acl"), "bucket-owner-full-control");
  EXPECT_EQ(aws::header_of(put.headers, "if-none-match"), "*");
  std::ofstream(root_ / "sent.gz", std::ios::binary) << transport_.asked[0].body;
  EXPECT_THAT(record::gzip_lines(root_ / "sent.gz"),
              ElementsAre("srcport srcaddr end", "1 10.0.0.1 1529511600"));
}

TEST_F(ToBucket, ARefusalIsAnAccessError) {
  transport_.answer(403, "<Error><Code>AccessDenied</Code></Error>");
  const auto delivered = deliver();
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().kind, DeliverLogsError::access_error);
  EXPECT_FALSE(delivered.error().is_of_segment);
  EXPECT_THAT(delivered.error().error.message(), HasSubstr("s3://logs/pre/fix/AWSLogs/"));
  EXPECT_THAT(delivered.error().error.message(), HasSubstr("AccessDenied"));
  EXPECT_THAT(delivered.error().error.hint, HasSubstr("--delivery-principal"))
      << "where it is not AWS that denies";
}

TEST_F(ToBucket, AnAnswerThatWasLostIsFoundOutByTheKeyBeingTaken) {
  transport_.answer_nothing();
  transport_.answer(412, "<Error><Code>PreconditionFailed</Code></Error>");
  transport_.answer(200, "", {{"Content-Length", std::to_string(segment_.bytes)}});
  ASSERT_TRUE(deliver());
  EXPECT_EQ(transport_.asked.at(2).request.method, "HEAD");
}

TEST_F(ToBucket, WhoMayPutButNotLookPutsTheObjectAgain) {
  transport_.answer_nothing();
  transport_.answer(412, "<Error><Code>PreconditionFailed</Code></Error>");
  transport_.answer(403);
  transport_.answer(200);
  ASSERT_TRUE(deliver());
  ASSERT_THAT(transport_.asked, SizeIs(4));
  EXPECT_EQ(transport_.asked[3].body, transport_.asked[0].body);
  EXPECT_EQ(transport_.asked[3].request.url(), transport_.asked[0].request.url());
  EXPECT_EQ(aws::header_of(transport_.asked[3].request.headers, "if-none-match"), "");
}

TEST_F(ToBucket, AStrangersObjectUnderTheKeyHoldsUpThisSegmentOnly) {
  transport_.answer(412, "<Error><Code>PreconditionFailed</Code></Error>");
  transport_.answer(200, "", {{"Content-Length", "1"}});
  const auto delivered = deliver();
  ASSERT_FALSE(delivered);
  EXPECT_TRUE(delivered.error().is_of_segment);
  EXPECT_THAT(delivered.error().error.message(), HasSubstr("is another object"));
}

TEST_F(ToBucket, WhatCannotBeReadToBeSentHoldsUpThisSegmentOnly) {
  fs::remove(segment_.file);
  const auto delivered = deliver();
  ASSERT_FALSE(delivered);
  EXPECT_TRUE(delivered.error().is_of_segment);
  EXPECT_EQ(delivered.error().kind, DeliverLogsError::unknown_error);
  EXPECT_THAT(transport_.asked, SizeIs(0));
}

TEST_F(ToBucket, TheHashIsWhatWasWrittenAndNotWhatTheDiskHasNow) {
  const std::string sealed = base::hex(segment_.sha256.value());
  transport_.answer(200);
  ASSERT_TRUE(deliver());
  base::Digest digest;
  digest.add(transport_.asked[0].body);
  EXPECT_EQ(digest.take_hex(), sealed);

  transport_.answer(400, "<Error><Code>XAmzContentSHA256Mismatch</Code></Error>");
  const auto changed = deliver();
  ASSERT_FALSE(changed);
  EXPECT_FALSE(changed.error().is_of_segment) << "changed on its way, as the others would be";
  EXPECT_THAT(changed.error().error.hint, HasSubstr("a proxy"));

  std::fstream(segment_.file, std::ios::in | std::ios::out) << "damaged";
  transport_.answer(400, "<Error><Code>XAmzContentSHA256Mismatch</Code></Error>");
  const auto damaged = deliver();
  ASSERT_FALSE(damaged);
  EXPECT_TRUE(damaged.error().is_of_segment) << "the others go on";
  for (const aws::Scripted::Asked& asked : transport_.asked) {
    EXPECT_EQ(aws::header_of(asked.request.headers, "x-amz-content-sha256"), sealed);
  }
}

TEST_F(ToBucket, AProbePutsAnEmptyObjectAndRemovesIt) {
  transport_.answer(200);
  transport_.answer(403);
  BucketNeeds needs{"logs", "a", "123456789012", "us-east-1", false, ""};
  EXPECT_TRUE(probe(s3_, {"logs", "a", "", ""}, needs)) << "it may stay";
  EXPECT_EQ(transport_.asked[0].request.url(),
            "http://127.0.0.1:9000/logs/a/AWSLogs/123456789012/WeirDeliveryTestFile");
  transport_.answer(403, "<Error><Code>AccessDenied</Code></Error>");
  needs.hive_compatible_partitions = true;
  EXPECT_FALSE(probe(s3_, {"logs", "a", "", ""}, needs));
  EXPECT_EQ(
      transport_.asked[2].request.url(),
      "http://127.0.0.1:9000/logs/a/AWSLogs/aws-account-id%3D123456789012/WeirDeliveryTestFile");
}

}  // namespace
}  // namespace weir::deliver
