#include "aws/s3.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "unit/aws/scripted.h"

namespace weir::aws {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class Storing : public testing::Test {
 public:
  Storing(const Storing&) = delete;
  Storing& operator=(const Storing&) = delete;

 protected:
  Storing() = default;

  std::string url(std::size_t i) { return transport_.asked.at(i).request.url(); }
  std::string header(std::size_t i, std::string_view name) {
    return std::string(header_of(transport_.asked.at(i).request.headers, name));
  }
  void on_own_endpoint() {
    settings_.endpoint = parse_endpoint("http://127.0.0.1:9000", "").value();
  }
  S3 s3() { return {client_, settings_}; }

  Scripted transport_;
  TestClock clock_;
  FixedCredentials credentials_{some_credentials()};
  Client client_{transport_, &credentials_, clock_.clock()};
  S3Settings settings_;
};

TEST_F(Storing, AwsIsAskedByVirtualHostAndOthersByPath) {
  for (int i = 0; i < 4; ++i) transport_.answer(200);
  ASSERT_TRUE(S3(client_, settings_).put({"logs", "a b/c=1"}, {}, {}));
  ASSERT_TRUE(S3(client_, settings_).put({"my.logs", "k"}, {}, {}))
      << "no dots below a certificate";
  settings_.addressing = Addressing::path;
  settings_.region = "cn-north-1";
  ASSERT_TRUE(S3(client_, settings_).put({"logs", "k"}, {}, {}));
  settings_.addressing = Addressing::automatic;
  on_own_endpoint();
  ASSERT_TRUE(S3(client_, settings_).put({"logs", "k"}, {}, {}));
  EXPECT_EQ(url(0), "https://logs.s3.us-east-1.amazonaws.com/a%20b/c%3D1");
  EXPECT_EQ(url(1), "https://s3.us-east-1.amazonaws.com/my.logs/k");
  EXPECT_EQ(url(2), "https://s3.cn-north-1.amazonaws.com.cn/logs/k");
  EXPECT_EQ(url(3), "http://127.0.0.1:9000/logs/k");
}

TEST_F(Storing, PuttingSaysWhatIsAskedAndSignsTheBytes) {
  transport_.answer(200, "", {{"ETag", "\"abc\""}});
  const std::string body = "abc";
  const PutOptions options{true, "bucket-owner-full-control", "aws:kms", "arn:key", "text/plain"};
  const auto etag = s3().put({"logs", "k"}, bytes_of(body), options);
  ASSERT_TRUE(etag);
  EXPECT_EQ(*etag, "abc");
  EXPECT_EQ(header(0, "if-none-match"), "*");
  EXPECT_EQ(header(0, "x-amz-acl"), "bucket-owner-full-control");
  EXPECT_EQ(header(0, "x-amz-server-side-encryption"), "aws:kms");
  EXPECT_EQ(header(0, "x-amz-server-side-encryption-aws-kms-key-id"), "arn:key");
  EXPECT_EQ(header(0, "x-amz-content-sha256"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(header(0, "x-amz-checksum-sha256"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}

TEST_F(Storing, ABucketElsewhereIsFollowedOnceAndRemembered) {
  transport_.answer(301, "<Error><Code>PermanentRedirect</Code></Error>",
                    {{"x-amz-bucket-region", "eu-west-1"}});
  transport_.answer(200);
  transport_.answer(200);
  S3 store = s3();
  ASSERT_TRUE(store.head_bucket("logs"));
  ASSERT_TRUE(store.head_bucket("logs"));
  ASSERT_THAT(transport_.asked, SizeIs(3));
  EXPECT_EQ(url(1), "https://logs.s3.eu-west-1.amazonaws.com/");
  EXPECT_EQ(url(2), "https://logs.s3.eu-west-1.amazonaws.com/");
  EXPECT_THAT(header(1, "authorization"), HasSubstr("/eu-west-1/s3/aws4_request"));
}

TEST_F(Storing, TheRegionCanStandInTheErrorToo) {
  transport_.answer(400,
                    "<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message>"
                    "<Region>ap-northeast-1</Region></Error>");
  transport_.answer(200);
  S3 store = s3();
  ASSERT_TRUE(store.head_bucket("logs"));
  EXPECT_THAT(header(1, "authorization"), HasSubstr("/ap-northeast-1/s3/"));
}

TEST_F(Storing, ErrorsNameTheObject) {
  on_own_endpoint();
  transport_.answer(403, "<Error><Code>AccessDenied</Code></Error>");
  S3 store = s3();
  const auto etag = store.put({"logs", "a/b"}, {}, {});
  ASSERT_FALSE(etag);
  EXPECT_TRUE(etag.error().is("AccessDenied"));
  EXPECT_EQ(etag.error().error.where, "s3://logs/a/b");
}

TEST_F(Storing, WhatArrivedDamagedIsFetchedOnceMoreAndThenAnError) {
  const std::vector<Header> md5 = {{"ETag", "\"900150983cd24fb0d6963f7d28e17f72\""}};
  transport_.answer(200, "abX", md5);
  transport_.answer(200, "abc", md5);
  S3 store = s3();
  EXPECT_EQ(store.get({"logs", "k"}).value(), "abc");
  const std::vector<Header> sha256 = {
      {"x-amz-checksum-sha256", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="}};
  transport_.answer(200, "abX", sha256);
  transport_.answer(200, "abX", sha256);
  EXPECT_FALSE(store.get({"logs", "k"}));
  transport_.answer(200, "abX", {{"ETag", "\"900150983cd24fb0d6963f7d28e17f72-2\""}});
  EXPECT_TRUE(store.get({"logs", "k"})) << "an ETag of parts is no MD5";
}

TEST_F(Storing, ARangeIsAskedFor) {
  const std::vector<Header> of_the_whole = {{"ETag", "\"900150983cd24fb0d6963f7d28e17f72\""},
                                            {"Content-Range", "bytes 1-2/3"}};
  transport_.answer(206, "bc", of_the_whole);
  S3 store = s3();
  const GetOptions options{ByteRange{1, 2}, "900150983cd24fb0d6963f7d28e17f72", 2};
  EXPECT_EQ(store.get({"logs", "k"}, options).value(), "bc");
  EXPECT_EQ(header(0, "range"), "bytes=1-2");
  EXPECT_EQ(header(0, "if-match"), "\"900150983cd24fb0d6963f7d28e17f72\"");
}

TEST_F(Storing, OtherBytesThanWereAskedForAreRefused) {
  for (const auto& [status, range, body] :
       {std::tuple(200, "", "abc"), std::tuple(206, "bytes 0-1/3", "ab"),
        std::tuple(206, "bytes 1-2/3", "bcd")}) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      transport_.answer(status, body, {{"Content-Range", range}});
    }
    S3 store = s3();
    const auto bytes = store.get({"logs", "k"}, {ByteRange{1, 2}, "", 0});
    ASSERT_FALSE(bytes) << range;
    EXPECT_EQ(bytes.error().kind, Failure::Kind::unusable);
    EXPECT_THAT(bytes.error().error.message(), HasSubstr("the server knows no ranges"));
  }
}

TEST_F(Storing, MoreThanWasAskedForIsRefusedToTheByte) {
  S3 store = s3();
  const GetOptions options{std::nullopt, "", 3};
  transport_.answer(200, "abc");
  EXPECT_EQ(store.get({"logs", "k"}, options).value(), "abc");
  for (int attempt = 0; attempt < 2; ++attempt) transport_.answer(200, "abcd");
  const auto bytes = store.get({"logs", "k"}, options);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().kind, Failure::Kind::unusable);
  EXPECT_EQ(bytes.error().error.where, "s3://logs/k");
}

TEST_F(Storing, ListingReadsKeysOfAnyCharacters) {
  transport_.answer(
      200,
      "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
      "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
      "<NextContinuationToken>t+/=</NextContinuationToken>"
      "<Contents><Key>a+b%2Bc%0A%E6%BC%A2</Key><Size>5000000000</Size><ETag>&quot;e&quot;</ETag>"
      "<LastModified>2009-10-12T17:50:30.000Z</LastModified>"
      "</Contents><CommonPrefixes><Prefix>AWSLogs/</Prefix></CommonPrefixes></ListBucketResult>");
  transport_.answer(200, "<ListBucketResult/>");
  S3 store = s3();
  ListRequest request;
  request.prefix = "a b/";
  request.delimiter = "/";
  const auto page = store.list("logs", request);
  ASSERT_TRUE(page);
  ASSERT_THAT(page->objects, SizeIs(1));
  EXPECT_EQ(page->objects[0].key, "a b+c\n\xe6\xbc\xa2");
  EXPECT_EQ(page->objects[0].bytes, 5'000'000'000U);
  EXPECT_EQ(page->objects[0].etag, "e");
  EXPECT_EQ(page->objects[0].modified, base::parse_time("2009-10-12 17:50:30", {}));
  EXPECT_THAT(page->prefixes, ElementsAre("AWSLogs/"));
  request.continuation = page->continuation;
  EXPECT_EQ(store.list("logs", request).value().continuation, "");
  EXPECT_THAT(url(1), HasSubstr("continuation-token=t%2B%2F%3D&"));
}

TEST_F(Storing, AListingThatHasMoreAndDoesNotSayWhereIsNone) {
  ListRequest request;
  request.continuation = "t";
  for (const std::string next : {"", "<NextContinuationToken>t</NextContinuationToken>"}) {
    transport_.answer(200, "<ListBucketResult><IsTruncated>true</IsTruncated>" + next +
                               "<Contents><Key>a.log</Key></Contents></ListBucketResult>");
    S3 store = s3();
    const auto page = store.list("logs", request);
    ASSERT_FALSE(page) << next;
    EXPECT_THAT(page.error().error.message(), HasSubstr("there is more"));
  }
}

TEST_F(Storing, APageOfAnotherKindIsNoListing) {
  transport_.answer(200, "<html>welcome</html>");
  S3 store = s3();
  EXPECT_FALSE(store.list("logs", {}));
}

TEST_F(Storing, ABucketWithoutAPolicyHasNone) {
  transport_.answer(404, "<Error><Code>NoSuchBucketPolicy</Code></Error>");
  transport_.answer(404, "<Error><Code>NoSuchBucket</Code></Error>");
  S3 store = s3();
  const auto none = store.policy("logs");
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  EXPECT_FALSE(store.policy("logs"));
  EXPECT_EQ(url(0), "https://logs.s3.us-east-1.amazonaws.com/?policy=");
}

class InParts : public Storing {
 protected:
  InParts()
      : path_(std::filesystem::path(testing::TempDir()) /
              (testing::UnitTest::GetInstance()->current_test_info()->name() +
               std::to_string(getpid()))) {
    std::ofstream(path_, std::ios::binary) << "first"
                                           << "rest";
    on_own_endpoint();
  }
  ~InParts() override { std::filesystem::remove(path_); }

  Result<std::string> put() {
    S3 store = s3();
    PutOptions options;
    options.is_new = true;
    options.acl = "private";
    options.part_bytes = part_bytes_;
    return store.put_file({"logs", "k"}, path_.string(), size_, options);
  }
  /// Of an upload, up to its end.
  void answer_parts() {
    transport_.answer(200, "<R><UploadId>u/1</UploadId></R>");
    transport_.answer(200, "", {{"ETag", "\"1\""}});
    transport_.answer(200, "", {{"ETag", "\"2\""}});
  }

  std::filesystem::path path_;
  std::uint64_t size_ = 9;
  std::uint64_t part_bytes_ = 5;
};

TEST_F(InParts, AnObjectOfAFlowLogNeverGoes) {
  EXPECT_GT(PutOptions().part_bytes, std::uint64_t{75} << 20U);
  part_bytes_ = size_;
  transport_.answer(200, "", {{"ETag", "\"1\""}});
  ASSERT_TRUE(put());
  EXPECT_EQ(url(0), "http://127.0.0.1:9000/logs/k");
  EXPECT_EQ(transport_.asked[0].body, "firstrest");
  EXPECT_EQ(header(0, "x-amz-content-sha256"),
            "a0cf620143d5f6154d663def0140ff480fcd675010de0b1dfd1fb2b27add04fa");
}

TEST_F(InParts, ALargeFileIsUploaded) {
  answer_parts();
  transport_.answer(200, "<R><ETag>\"done-2\"</ETag></R>");
  const auto etag = put();
  ASSERT_TRUE(etag) << etag.error().error.message();
  EXPECT_EQ(url(0), "http://127.0.0.1:9000/logs/k?uploads=");
  EXPECT_EQ(header(0, "x-amz-acl"), "private");
  EXPECT_EQ(url(2), "http://127.0.0.1:9000/logs/k?partNumber=2&uploadId=u%2F1");
  EXPECT_EQ(transport_.asked[2].body, "rest");
  EXPECT_EQ(header(3, "if-none-match"), "*");
  EXPECT_EQ(transport_.asked[3].body,
            "<?xml "
            "version=\"1.0\"?><CompleteMultipartUpload><Part><PartNumber>1</"
            "PartNumber><ETag>\"1\"</ETag></Part>"
            "<Part><PartNumber>2</PartNumber><ETag>\"2\"</ETag></Part></CompleteMultipartUpload>");
}

TEST_F(InParts, APartThatFailsWithdrawsTheOthers) {
  transport_.answer(200, "<R><UploadId>u/1</UploadId></R>");
  transport_.answer(200, "", {{"ETag", "\"1\""}});
  transport_.answer(403, "<Error><Code>AccessDenied</Code></Error>");
  transport_.answer(204);
  const auto etag = put();
  ASSERT_FALSE(etag);
  EXPECT_TRUE(etag.error().is("AccessDenied"));
  EXPECT_EQ(transport_.asked.back().request.method, "DELETE");
  EXPECT_EQ(url(3), "http://127.0.0.1:9000/logs/k?uploadId=u%2F1");
}

TEST_F(InParts, AnAnswerOf200CanStillBeAnError) {
  answer_parts();
  transport_.answer(200, "<Error><Code>InternalError</Code></Error>");
  transport_.answer(204);
  const auto etag = put();
  ASSERT_FALSE(etag);
  EXPECT_TRUE(etag.error().is("InternalError"));
}

TEST_F(InParts, WhetherAnUploadWasFinishedWhoseAnswerWasLostIsLookedAt) {
  for (const auto& [bytes, is_there] : {std::pair("9", true), std::pair("8", false)}) {
    answer_parts();
    transport_.answer_by([](const Request&) { return Response{500, {}, {}, false}; });
    transport_.answer(404, "<Error><Code>NoSuchUpload</Code></Error>");
    transport_.answer(200, "", {{"Content-Length", bytes}, {"ETag", "\"done-2\""}});
    const auto etag = put();
    EXPECT_EQ(transport_.asked.back().request.method, "HEAD");
    ASSERT_EQ(etag.has_value(), is_there);
    if (is_there) {
      EXPECT_EQ(*etag, "done-2");
    } else {
      EXPECT_EQ(etag.error().kind, Failure::Kind::unreachable) << "nobody's access is to blame";
    }
  }
}

TEST_F(InParts, AnUploadThatSomebodyEndedWasNotFinished) {
  answer_parts();
  transport_.answer(404, "<Error><Code>NoSuchUpload</Code></Error>");
  transport_.answer(404);
  const auto etag = put();
  ASSERT_FALSE(etag);
  EXPECT_TRUE(etag.error().is("NoSuchUpload"));
}

TEST_F(InParts, AFileThatIsShorterThanItWasCannotBeSent) {
  for (const std::uint64_t part_bytes : {5U, 20U}) {
    part_bytes_ = part_bytes;
    size_ = 10;
    transport_ = {};
    answer_parts();
    const auto etag = put();
    ASSERT_FALSE(etag);
    EXPECT_EQ(etag.error().kind, Failure::Kind::unreadable);
    EXPECT_EQ(etag.error().error.where, path_.string());
  }
}

TEST(S3Url, NamesABucketAndAPrefix) {
  const auto parsed = [](const char* text) {
    const auto name = parse_s3_url(text, "--log-destination");
    return name ? name->bucket + "|" + name->key : name.error().message();
  };
  EXPECT_EQ(parsed("s3://logs"), "logs|");
  EXPECT_EQ(parsed("s3://my.logs/a/b/"), "my.logs|a/b/");
  EXPECT_EQ(parsed("arn:aws:s3:::logs/a"), "logs|a");
  EXPECT_EQ(parsed("arn:aws-cn:s3:::logs"), "logs|");
  for (const char* wrong : {"s3://", "s3:///a", "s3://ab", "s3://a b/c", "logs", "s3://a?b/c"}) {
    EXPECT_FALSE(parse_s3_url(wrong, "")) << wrong;
  }
}

}  // namespace
}  // namespace weir::aws
