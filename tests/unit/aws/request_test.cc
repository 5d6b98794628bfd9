#include "aws/request.h"

#include <gtest/gtest.h>

namespace weir::aws {
namespace {

TEST(Endpoint, IsReadFromItsUrl) {
  const auto parsed = [](const char* url) {
    const auto endpoint = parse_endpoint(url, "--endpoint-url");
    return endpoint ? endpoint->url() : endpoint.error().message();
  };
  EXPECT_EQ(parsed("http://127.0.0.1:9000"), "http://127.0.0.1:9000");
  EXPECT_EQ(parsed("http://127.0.0.1:9000/"), "http://127.0.0.1:9000");
  EXPECT_EQ(parsed("https://s3.example.com:443/base/"), "https://s3.example.com/base");
  EXPECT_EQ(parsed("http://[::1]:80/"), "http://[::1]");
  EXPECT_EQ(parsed("http://[::1]"), "http://[::1]");
  for (const char* wrong : {"", "s3.example.com", "ftp://x", "http://", "http://x:0", "http://x:a",
                            "http://x:65536", "http://x?y", "http://x y"}) {
    EXPECT_FALSE(parse_endpoint(wrong, "")) << wrong;
  }
}

TEST(Endpoint, APasswordInItIsNotRepeated) {
  const auto endpoint = parse_endpoint("http://me:hunter2@host/", "AWS_ENDPOINT_URL");
  ASSERT_FALSE(endpoint);
  EXPECT_EQ(endpoint.error().message().find("hunter2"), std::string::npos);
}

TEST(Encoding, LeavesOnlyTheUnreserved) {
  EXPECT_EQ(percent_encoded("aZ09-._~ =&+/\xe6\xbc\xa2"), "aZ09-._~%20%3D%26%2B%2F%E6%BC%A2");
  EXPECT_EQ(percent_encoded_path("/a b/c=d"), "/a%20b/c%3Dd");
}

TEST(Encoding, SortsAQueryAfterEncoding) {
  // "é" is %C3…, which comes before "A".
  EXPECT_EQ(encoded_query({{"prefix", "a/b"}, {"A", "1"}, {"\xc3\xa9", ""}, {"A", "0"}}),
            "%C3%A9=&A=0&A=1&prefix=a%2Fb");
}

}  // namespace
}  // namespace weir::aws
