#include "aws/client.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "unit/aws/scripted.h"

namespace weir::aws {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class Calls : public testing::Test {
 public:
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

 protected:
  Calls() = default;

  Result<Response> send() {
    Client client(transport_, &credentials_, clock_.clock());
    Request request;
    request.endpoint.host = "s3.example.com";
    return client.send(std::move(request), {"us-east-1", "s3"});
  }

  Scripted transport_;
  TestClock clock_;
  FixedCredentials credentials_{some_credentials()};
};

TEST_F(Calls, TriesAgainWhatMayComeRightAndWaitsARandomPartOfATimeThatDoubles) {
  transport_.answer(503, "<Error><Code>SlowDown</Code></Error>");
  transport_.answer_nothing();
  transport_.answer(500);
  transport_.answer(200, "here");
  const auto response = send();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "here");
  EXPECT_THAT(clock_.slept, ElementsAre(milliseconds(50), milliseconds(100), milliseconds(200)));
}

TEST_F(Calls, GivesUpAfterAllAttemptsWithTheLastError) {
  for (int i = 0; i < 5; ++i) transport_.answer(503, "<Error><Code>SlowDown</Code></Error>");
  const auto response = send();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, "SlowDown");
  EXPECT_EQ(response.error().error.message(),
            "https://s3.example.com: SlowDown (HTTP 503) (after 5 attempts)");
  EXPECT_THAT(transport_.asked, SizeIs(5));
}

TEST_F(Calls, WaitsAsLongAsTheServerAsksFor) {
  transport_.answer(503, "", {{"Retry-After", "7"}});
  transport_.answer(200);
  ASSERT_TRUE(send());
  EXPECT_THAT(clock_.slept, ElementsAre(milliseconds(7000)));
}

TEST_F(Calls, ARefusalIsNotTriedAgainAndKeepsAwsName) {
  transport_.answer(404,
                    "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>The specified "
                    "bucket does not exist</Message></Error>");
  const auto response = send();
  ASSERT_FALSE(response);
  EXPECT_TRUE(response.error().is("NoSuchBucket"));
  EXPECT_EQ(response.error().status, 404);
  EXPECT_THAT(response.error().error.what,
              HasSubstr("NoSuchBucket: The specified bucket does not exist (HTTP 404)"));
  EXPECT_THAT(response.error().error.hint, Not(IsEmpty()));
  EXPECT_THAT(transport_.asked, SizeIs(1));
}

TEST_F(Calls, ReadsTheErrorsOfJsonServices) {
  transport_.answer(400,
                    R"({"__type":"com.amazonaws.logs#ResourceNotFoundException","message":"no"})");
  const auto response = send();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, "ResourceNotFoundException");
  EXPECT_EQ(response.error().message, "no");
}

TEST_F(Calls, ThrottlingWithStatus400IsTriedAgain) {
  transport_.answer(400, R"({"__type":"ThrottlingException","message":"Rate exceeded"})");
  transport_.answer(200);
  EXPECT_TRUE(send());
}

TEST_F(Calls, AnAnswerOfHeadHasNoNameButItsStatus) {
  transport_.answer(404);
  const auto response = send();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().error.what, "404");
}

/// The host's clock is forty days behind; the service says what time it is.
TEST_F(Calls, SetsTheClockByTheServiceAndSignsAgain) {
  transport_.answer(403, "<Error><Code>RequestTimeTooSkewed</Code></Error>",
                    {{"Date", "Mon, 04 Jan 2027 13:43:07 GMT"}});
  transport_.answer(200);
  transport_.answer(200);
  Client client(transport_, &credentials_, clock_.clock());
  for (int i = 0; i < 2; ++i) {
    Request request;
    request.endpoint.host = "h";
    ASSERT_TRUE(client.send(std::move(request), {"r", "s3"}));
  }
  ASSERT_THAT(transport_.asked, SizeIs(3)) << "what was learned holds for the next request";
  EXPECT_EQ(header_of(transport_.asked[0].request.headers, "x-amz-date"), "20261125T134307Z");
  EXPECT_EQ(header_of(transport_.asked[1].request.headers, "x-amz-date"), "20270104T134307Z");
  EXPECT_EQ(header_of(transport_.asked[2].request.headers, "x-amz-date"), "20270104T134307Z");
  EXPECT_THAT(clock_.slept, IsEmpty());
}

/// The host's clock is forty days ahead, so that temporary credentials look over when they come.
class TemporaryByAWrongClock : public Calls {
 protected:
  TemporaryByAWrongClock() { clock_.now += std::chrono::days(40); }

  bool is_sent() {
    Request request;
    request.endpoint.host = "h";
    return client_.send(std::move(request), {"r", "s3"}).has_value();
  }
  void accept(int times) {
    for (int i = 0; i < times; ++i) transport_.answer(200);
  }

  const base::UnixSeconds true_time_ = TestClock().now;
  int fetched_ = 0;
  RenewedCredentials renewed_{[this](base::UnixSeconds) -> Result<Credentials> {
    Credentials out = some_credentials(std::to_string(++fetched_));
    out.expires = true_time_ + std::chrono::hours(1);
    return out;
  }};
  Client client_{transport_, &renewed_, clock_.clock()};
};

TEST_F(TemporaryByAWrongClock, AreFetchedOnceAndAgainBeforeTheyExpireByTheServicesClock) {
  transport_.answer(403, "<Error><Code>RequestTimeTooSkewed</Code></Error>",
                    {{"Date", "Wed, 25 Nov 2026 13:43:07 GMT"}});
  accept(8);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(is_sent());
  EXPECT_EQ(fetched_, 1);
  clock_.now += std::chrono::minutes(44);
  EXPECT_TRUE(is_sent());
  EXPECT_EQ(fetched_, 1);
  clock_.now += std::chrono::minutes(2);
  EXPECT_TRUE(is_sent());
  EXPECT_EQ(fetched_, 2);
}

TEST_F(TemporaryByAWrongClock, AreFetchedTwiceAMinuteAtMostWhereNobodyTellsTheTime) {
  accept(60);
  for (int second = 0; second < 60; ++second) {
    EXPECT_TRUE(is_sent());
    clock_.now += std::chrono::seconds(1);
  }
  EXPECT_EQ(fetched_, 2);
}

TEST_F(Calls, AClockThatStaysWrongIsAnError) {
  for (int i = 0; i < 3; ++i) {
    transport_.answer(
        403, "<Error><Code>RequestTimeTooSkewed</Code></Error>",
        {{"Date", i % 2 == 0 ? "Mon, 04 Jan 2027 13:43:07 GMT" : "Wed, 25 Nov 2026 13:43:07 GMT"}});
  }
  const auto response = send();
  ASSERT_FALSE(response);
  EXPECT_TRUE(response.error().is("RequestTimeTooSkewed"));
  EXPECT_THAT(transport_.asked, SizeIs(2));
}

TEST_F(Calls, FetchesOtherCredentialsWhenTheseHaveExpired) {
  transport_.answer(400, "<Error><Code>ExpiredToken</Code></Error>");
  transport_.answer(200);
  int fetched = 0;
  RenewedCredentials renewed([&fetched](base::UnixSeconds) -> Result<Credentials> {
    return some_credentials("AKID" + std::to_string(++fetched));
  });
  Client client(transport_, &renewed, clock_.clock());
  Request request;
  request.endpoint.host = "h";
  ASSERT_TRUE(client.send(std::move(request), {"r", "s3"}));
  EXPECT_THAT(std::string(header_of(transport_.asked[1].request.headers, "authorization")),
              HasSubstr("Credential=AKID2/"));
}

/// Refuses the first key with `code`, and takes the next ones.
class Replaced : public testing::TestWithParam<const char*> {
 public:
  Replaced(const Replaced&) = delete;
  Replaced& operator=(const Replaced&) = delete;

 protected:
  Replaced() = default;

  bool send_refused_first(int times) {
    for (int i = 0; i < times; ++i) {
      transport_.answer(403, std::string("<Error><Code>") + GetParam() + "</Code></Error>");
    }
    transport_.answer(200);
    Request request;
    request.endpoint.host = "h";
    return client_.send(std::move(request), {"r", "s3"}).has_value();
  }

  Scripted transport_;
  TestClock clock_;
  int fetched_ = 0;
  RenewedCredentials renewed_{[this](base::UnixSeconds) -> Result<Credentials> {
    return some_credentials("AKID" + std::to_string(++fetched_));
  }};
  Client client_{transport_, &renewed_, clock_.clock()};
};

TEST_P(Replaced, AreFetchedAgainButAtMostOnceAMinute) {
  EXPECT_TRUE(send_refused_first(1));
  EXPECT_EQ(fetched_, 2);
  clock_.now += std::chrono::seconds(59);
  EXPECT_FALSE(send_refused_first(1));
  EXPECT_EQ(fetched_, 2);
  clock_.now += std::chrono::seconds(1);
  transport_ = {};
  EXPECT_FALSE(send_refused_first(2)) << "a request is tried with others once";
  EXPECT_EQ(fetched_, 3);
}

INSTANTIATE_TEST_SUITE_P(Keys, Replaced,
                         testing::Values("ExpiredToken", "InvalidAccessKeyId",
                                         "SignatureDoesNotMatch", "InvalidSignatureException",
                                         "InvalidToken", "InvalidClientTokenId",
                                         "UnrecognizedClientException"));

TEST_F(Calls, NoErrorHoldsASecret) {
  transport_.answer(403,
                    "<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message>"
                    "<StringToSign>very-secret</StringToSign></Error>");
  const auto response = send();
  ASSERT_FALSE(response);
  EXPECT_THAT(response.error().error.message(), Not(HasSubstr("very-secret")));
}

TEST(HttpDate, IsReadInItsOneForm) {
  EXPECT_EQ(parse_http_date("Wed, 25 Nov 2026 13:43:07 GMT"), TestClock().now);
  EXPECT_FALSE(parse_http_date("Wed, 31 Feb 2026 13:43:07 GMT"));
  EXPECT_FALSE(parse_http_date("2026-11-25T13:43:07Z"));
  EXPECT_FALSE(parse_http_date(""));
}

TEST(RenewedCredentials, AreFetchedAgainAQuarterOfAnHourBeforeTheyExpire) {
  const base::UnixSeconds start{};
  int fetched = 0;
  bool is_down = false;
  RenewedCredentials renewed([&](base::UnixSeconds now) -> Result<Credentials> {
    if (is_down) return cannot({"", "down", ""});
    Credentials out = some_credentials(std::to_string(++fetched));
    out.expires = now + std::chrono::hours(1);
    return out;
  });
  const auto id = [&](std::chrono::minutes time) {
    const auto got = renewed.get(start + time);
    return got ? got->access_key_id : got.error().error.what;
  };
  using std::chrono::minutes;
  EXPECT_EQ(id(minutes(0)), "1");
  EXPECT_EQ(id(minutes(44)), "1");
  EXPECT_EQ(id(minutes(46)), "2");
  is_down = true;
  EXPECT_EQ(id(minutes(100)), "2") << "the old ones serve as long as they last";
  EXPECT_EQ(id(minutes(107)), "down");
  is_down = false;
  EXPECT_EQ(id(minutes(108)), "3");
}

TEST(RenewedCredentials, AreNotFetchedAgainForWhoWasRefusedWithOlderOnes) {
  int fetched = 0;
  RenewedCredentials renewed([&fetched](base::UnixSeconds) -> Result<Credentials> {
    Credentials out = some_credentials();
    out.secret_access_key = Secret("secret" + std::to_string(++fetched));
    return out;
  });
  const base::UnixSeconds now = TestClock().now;
  const auto first = renewed.get(now);
  ASSERT_TRUE(first);
  EXPECT_TRUE(renewed.forget(*first, now));
  const auto second = renewed.get(now);
  EXPECT_EQ(second->secret_access_key.reveal(), "secret2") << "the same key id with another secret";
  EXPECT_TRUE(renewed.forget(*first, now)) << "there are others already";
  EXPECT_EQ(renewed.get(now)->secret_access_key.reveal(), "secret2");
  EXPECT_FALSE(renewed.forget(*second, now)) << "only just fetched";
  EXPECT_TRUE(renewed.forget(*second, now - std::chrono::hours(1))) << "the clock was set back";
}

TEST(RenewedCredentials, AreNotSearchedForAgainWithinHalfAMinuteOfAFailure) {
  int searches = 0;
  RenewedCredentials renewed([&searches](base::UnixSeconds) -> Result<Credentials> {
    return cannot({"", std::to_string(++searches), ""});
  });
  const base::UnixSeconds now = TestClock().now;
  const auto failure = [&](std::chrono::seconds later) {
    return renewed.get(now + later).error().error.what;
  };
  using std::chrono::seconds;
  EXPECT_EQ(failure(seconds(0)), "1");
  EXPECT_EQ(failure(seconds(29)), "1");
  EXPECT_EQ(failure(seconds(30)), "2");
  EXPECT_EQ(failure(seconds(-3600)), "3") << "the clock was set back";
}

TEST(RenewedCredentials, AreSearchedForAgainAtOnceAfterWhatMayPass) {
  int searches = 0;
  RenewedCredentials renewed([&searches](base::UnixSeconds) -> Result<Credentials> {
    if (++searches > 1) return some_credentials();
    Failure busy;
    busy.kind = Failure::Kind::unreachable;
    return tl::unexpected(busy);
  });
  const base::UnixSeconds now = TestClock().now;
  EXPECT_FALSE(renewed.get(now));
  EXPECT_TRUE(renewed.get(now));
}

TEST(RenewedCredentials, ThatAreNotFoundFailForAllWhoWaitedForThem) {
  constexpr int kThreads = 8;
  std::atomic<int> asking = 0;
  std::atomic<int> searches = 0;
  RenewedCredentials renewed([&](base::UnixSeconds) -> Result<Credentials> {
    while (asking < kThreads) std::this_thread::yield();
    ++searches;
    return cannot({"", "down", ""});
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      // Each at a time of its own: a search may take longer than half a minute.
      const base::UnixSeconds now = TestClock().now + std::chrono::hours(i);
      ++asking;
      EXPECT_FALSE(renewed.get(now));
    });
  }
  for (std::thread& thread : threads) thread.join();
  // Who was held up between telling and asking came too late to wait.
  EXPECT_LT(searches, kThreads);
}

}  // namespace
}  // namespace weir::aws
