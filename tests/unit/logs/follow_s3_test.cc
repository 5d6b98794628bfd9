// What is listed when, and that each line is handed out once, whatever the clock does.
#include "logs/follow_s3.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <functional>
#include <mutex>
#include <set>

#include "aws/s3.h"
#include "base/descriptor.h"
#include "unit/aws/scripted.h"

namespace weir::logs {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr const char* kRegion = "AWSLogs/123456789012/vpcflowlogs/us-east-1/";

/// A bucket, in memory.
class Store : public aws::Transport {
 public:
  struct Stored {
    std::string text;
    std::string modified;
    int failures = 0;  ///< that come first
    int cuts = 0;      ///< of its transfer, that come first
    bool is_never_as_listed = false;
  };

  aws::Result<aws::Response> send(const aws::Request& request) override {
    const std::scoped_lock lock(mutex_);
    for (const auto& [name, value] : request.query) {
      if (name != "prefix") continue;
      if (value == refused) return aws::Response{403, {}, "", false};
      if (value == out) when_out();
      if (is_out || value == out || request.path == bucket_out) return aws::unreachable();
      return request.path == "/logs" ? listing(value) : listing("nothing is there");
    }
    const auto found = objects.find(request.path.substr(std::string("/logs/").size()));
    if (found == objects.end()) {
      return aws::Response{404, {}, "<Error><Code>NoSuchKey</Code></Error>", false};
    }
    Stored& object = found->second;
    const std::string_view asked = aws::header_of(request.headers, "if-match");
    if (object.is_never_as_listed || asked != '"' + etag_of(object) + '"') {
      return aws::Response{412, {}, "", false};
    }
    if (object.cuts-- > 0) return aws::unreachable();
    if (object.failures-- > 0) return aws::Response{500, {}, "", false};
    return aws::Response{200, {}, object.text, false};
  }

  std::map<std::string, Stored> objects;
  std::set<std::string> listed;
  bool is_out = false;
  std::string refused = "-";  ///< a folder that may not be listed
  std::string out = "-";      ///< one that cannot be just now
  std::string bucket_out;     ///< the path of a bucket of which nothing can be
  std::function<void()> when_out = [] {};
  std::string outside;  ///< a folder that each listing has, wherever it lies

 private:
  static std::string etag_of(const Stored& object) {
    return std::to_string(std::hash<std::string>()(object.text));
  }

  aws::Response listing(const std::string& prefix) {
    listed.insert(prefix);
    std::set<std::string> below;
    std::string xml;
    for (const auto& [key, object] : objects) {
      if (!key.starts_with(prefix)) continue;
      const std::size_t slash = key.find('/', prefix.size());
      const bool is_day = prefix.find("/2026/") != std::string::npos && prefix.size() > 60;
      if (slash != std::string::npos && !is_day) {
        below.insert(key.substr(0, slash + 1));
        continue;
      }
      xml += "<Contents><Key>" + key + "</Key><Size>" + std::to_string(object.text.size()) +
             "</Size><ETag>" + etag_of(object) + "</ETag><LastModified>" + object.modified +
             "</LastModified></Contents>";
    }
    constexpr int kMostOutside = 100;  // nothing is told for ever
    if (!outside.empty() && ++told_outside_ < kMostOutside) below.insert(outside);
    for (const std::string& folder : below) {
      xml += "<CommonPrefixes><Prefix>" + folder + "</Prefix></CommonPrefixes>";
    }
    return {200, {}, "<ListBucketResult>" + xml + "</ListBucketResult>", false};
  }

  std::mutex mutex_;
  int told_outside_ = 0;
};

class Sink : public LineSink {
 public:
  bool lines(const LineReader::Columns&, const Lines& lines, std::size_t first) override {
    for (std::size_t i = first; i < lines.size(); ++i) got.emplace_back(lines.field(i, 0));
    return true;
  }
  void problems(const Problems& problems) override {
    for (const std::string& problem : problems.first()) told.push_back(problem);
  }

  std::vector<std::string> got;
  std::vector<std::string> told;
};

class S3FollowerTest : public testing::Test {
 public:
  S3FollowerTest(const S3FollowerTest&) = delete;
  S3FollowerTest& operator=(const S3FollowerTest&) = delete;

 protected:
  S3FollowerTest() = default;

  Store::Stored& put(const std::string& key, const std::string& text,
                     const std::string& modified = "") {
    return store_.objects[key] = {"srcaddr bytes\n" + text, modified};
  }
  /// A day's object, with one line.
  Store::Stored& put_on(const std::string& day, const std::string& text) {
    std::string stamp = day;
    std::erase(stamp, '/');
    return put(kRegion + day + "/123456789012_vpcflowlogs_us-east-1_fl-1_" + stamp + "T1200Z_" +
                   text + ".log",
               text + " 1\n");
  }
  void at(const std::string& time) { now_ = base::parse_time(time, {}).value(); }

  base::Expected<std::unique_ptr<S3Follower>> try_open(Following::Mode mode) {
    S3Follower::Settings settings;
    settings.mode = mode;
    settings.folders = named_;
    settings.without_header = {"srcaddr", "bytes"};
    settings.interval = std::chrono::seconds(0);
    settings.now = [this] {
      if (next_step_ < steps_.size()) steps_[next_step_++]();
      return now_;
    };
    return S3Follower::open(reader_, std::move(settings), sink_);
  }
  void open(Following::Mode mode = Following::Mode::follow) { follower_ = try_open(mode).value(); }
  /// Before each further listing one of the steps is done; after the last one it ends.
  void follow(std::vector<std::function<void()>> steps) {
    const base::Descriptor stop(eventfd(0, 0));
    steps.emplace_back([&] { eventfd_write(stop.get(), 1); });
    steps_ = std::move(steps);
    next_step_ = 0;
    ASSERT_TRUE(follower_->follow(stop.get(), sink_));
  }
  std::vector<std::string> handed_out() { return std::exchange(sink_.got, {}); }

  Store store_;
  aws::Client client_{
      store_, nullptr,
      aws::Clock{[this] { return now_; }, [](auto) { return true; }, [] { return 0.0; }},
      aws::Retries{1, {}, {}}};
  aws::S3 s3_{client_, {aws::parse_endpoint("http://127.0.0.1:1", "").value(), "us-east-1", {}}};
  std::atomic<bool> is_cancelled_ = false;
  S3Reader reader_{s3_, is_cancelled_};
  std::vector<S3Folder> named_ = {named_s3_folder("logs", "")};
  base::UnixSeconds now_;
  std::vector<std::function<void()>> steps_;
  std::size_t next_step_ = 0;
  Sink sink_;
  std::unique_ptr<S3Follower> follower_;
};

TEST_F(S3FollowerTest, DaysPassAndEachLineIsHandedOutOnceThoughTheClockIsSetBack) {
  at("2026-11-24T23:59");
  put_on("2026/11/20", "old");
  put_on("2026/11/23", "a");
  put_on("2026/11/24", "b");
  open();
  EXPECT_EQ(follower_->text_objects(), 2U);
  follow({[&] { at("2026-11-25T00:01"), put_on("2026/11/25", "c"), put_on("2026/11/24", "late"); },
          [&] { at("2026-11-26T12:00"), put_on("2026/11/26", "d"); },
          [&] { at("2026-11-24T12:00"), put_on("2026/11/27", "ahead"); }});
  EXPECT_THAT(handed_out(), ElementsAre("late", "c", "d", "ahead"));
  EXPECT_THAT(sink_.told, IsEmpty());
  EXPECT_THAT(store_.listed, Not(Contains(HasSubstr("2026/11/20"))));
  store_.listed.clear();
  follow({});
  EXPECT_THAT(store_.listed,
              AllOf(Contains(HasSubstr("2026/11/25")), Not(Contains(HasSubstr("2026/11/24")))));
  EXPECT_THAT(handed_out(), IsEmpty());
}

TEST_F(S3FollowerTest, WhatCameDuringAnOutageOverMidnightsIsReadAndThenNotListedAgain) {
  at("2026-11-24T12:00");
  put_on("2026/11/24", "a");
  open();
  follow({[&] { store_.is_out = true; },
          [&] {
            put_on("2026/11/24", "b");
            at("2026-11-28T12:00");
            put_on("2026/11/25", "c");
            put_on("2026/11/28", "d");
          },
          [&] { store_.is_out = false; }});
  EXPECT_THAT(handed_out(), ElementsAre("b", "c", "d"));
  store_.listed.clear();
  follow({[&] { put_on("2026/11/27", "e"); }});
  EXPECT_THAT(handed_out(), ElementsAre("e"));
  EXPECT_THAT(store_.listed, Not(Contains(HasSubstr("2026/11/25"))));
}

TEST_F(S3FollowerTest, ADayOfWhichAnObjectCouldNotBeReadIsListedUntilItIs) {
  at("2026-11-24T12:00");
  open();
  follow({[&] {
            put_on("2026/11/24", "a").failures = 3;
            put_on("2026/11/25", "b");
          },
          [&] { at("2026-11-28T12:00"); }, [&] { store_.listed.clear(); }, [] {}});
  EXPECT_THAT(handed_out(), ElementsAre("b", "a"));
  EXPECT_THAT(store_.listed,
              AllOf(Contains(HasSubstr("2026/11/24")), Not(Contains(HasSubstr("2026/11/25")))));
  store_.listed.clear();
  follow({});
  EXPECT_THAT(store_.listed, Not(Contains(HasSubstr("2026/11/24"))));
}

TEST_F(S3FollowerTest, WhatFailsIsToldOnceAndReadLaterWithoutALineTwice) {
  at("2026-11-24T12:00");
  open();
  follow({[&] { put("a.log", "a 1\n"), put("b.log", "b 1\nno record\n"); },
          [&] {
            put("c.log", "c 1\n").failures = 2;
            put("d.log", "d 1\n");
          },
          [] {}, [] {},
          [&] {
            store_.is_out = true;
            put("e.log", "e 1\n");
          },
          [] {}, [&] { store_.is_out = false; }});
  EXPECT_THAT(handed_out(), ElementsAre("a", "b", "no", "d", "c", "e"));
  ASSERT_EQ(sink_.told.size(), 2U);
  EXPECT_THAT(sink_.told[0], AllOf(HasSubstr("c.log"), HasSubstr("asked again")));
  EXPECT_THAT(sink_.told[1], HasSubstr("refused, and is asked again"));
}

TEST_F(S3FollowerTest, AnOutageIsToldThoughAnObjectCannotBeHadEither) {
  at("2026-11-24T12:00");
  open();
  follow({[&] { put("a.log", "a 1\n").failures = 100; }, [] {}, [&] { store_.is_out = true; },
          [] {}, [&] { store_.is_out = false, put("b.log", "b 1\n").failures = 100; }, [] {}, [] {},
          [&] { store_.is_out = true; }, [] {}});
  EXPECT_THAT(sink_.told, ElementsAre(HasSubstr("a.log: 500"), HasSubstr("refused"),
                                      HasSubstr("b.log: 500"), HasSubstr("refused")));
}

TEST_F(S3FollowerTest, AnObjectWhoseTransferIsAlwaysCutOffIsToldOnceAndHoldsUpNoOther) {
  at("2026-11-24T12:00");
  open();
  follow({[&] { put("a.log", "a 1\n").cuts = 4, put("b.log", "b 1\n"); },
          [&] { put("c.log", "c 1\n").cuts = 2, put("d.log", "d 1\n"); }, [] {}, [] {},
          [&] { put("e.log", "e 1\n"); }});
  EXPECT_THAT(handed_out(), ElementsAre("b", "d", "c", "e", "a"))
      << "what failed before comes last";
  EXPECT_THAT(sink_.told,
              ElementsAre(AllOf(HasSubstr("a.log"), HasSubstr("refused, and is asked again")),
                          HasSubstr("c.log")));
}

TEST_F(S3FollowerTest, OlderObjectsAreReadThoughTheNewestIsCutOffUnlessNoneCanBeHad) {
  at("2026-11-24T12:00");
  put("a.log", "a 1\n");
  put("b.log", "b 1\n", "2026-11-24T11:00:00.000Z").cuts = 2;
  for (const auto mode : {Following::Mode::once, Following::Mode::follow}) {
    open(mode);
    while (follower_->read_earlier(sink_)) {
    }
    EXPECT_THAT(handed_out(), ElementsAre("a"));
    EXPECT_THAT(std::exchange(sink_.told, {}), ElementsAre(HasSubstr("b.log")));
  }
  follow({[] {}});
  EXPECT_THAT(handed_out(), ElementsAre("b"));
  open();
  put("b.log", "b 1\n", "2026-11-24T11:00:00.000Z").cuts = 1;
  store_.is_out = true;
  EXPECT_FALSE(follower_->read_earlier(sink_));
  EXPECT_THAT(handed_out(), IsEmpty());
}

TEST_F(S3FollowerTest, WhoDoesNotFollowIsToldEachObjectThatCannotBeHad) {
  at("2026-11-24T12:00");
  put("a.log", "a 1\n").failures = 1;
  put("b.log", "b 1\n");
  put("c.log", "c 1\n").failures = 1;
  put("d.log", "d 1\n");
  open(Following::Mode::once);
  store_.objects.erase("d.log");
  while (follower_->read_earlier(sink_)) {
  }
  EXPECT_THAT(handed_out(), ElementsAre("b"));
  EXPECT_THAT(sink_.told, UnorderedElementsAre(HasSubstr("a.log: 500"), HasSubstr("c.log: 500"),
                                               HasSubstr("d.log: NoSuchKey")));
  EXPECT_THAT(sink_.told, Not(Contains(HasSubstr("asked again"))));
}

TEST_F(S3FollowerTest, FoldersThatCannotBeListedAreToldOnceAndHoldUpNoOther) {
  at("2026-11-24T12:00");
  for (const char* key : {"a/x.log", "b/x.log", "c/x.log"}) put(key, "old 1\n");
  open();
  follow({[&] { store_.refused = "b/", store_.out = "c/"; },
          [&] { put("a/y.log", "a 1\n"), put("b/y.log", "b 1\n"), put("c/y.log", "c 1\n"); }, [] {},
          [&] { store_.refused = "-", store_.out = "-"; }, [] {}});
  EXPECT_THAT(handed_out(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(sink_.told,
              ElementsAre(HasSubstr("s3://logs/b/: 403"),
                          AllOf(HasSubstr("s3://logs/c/: "), HasSubstr("asked again"))));
}

TEST_F(S3FollowerTest, WhoDoesNotFollowIsToldAFolderThatCannotBeListedAndReadsTheOthers) {
  at("2026-11-24T12:00");
  for (const char* key : {"a/x.log", "b/x.log"}) put(key, "here 1\n");
  store_.out = "b/";
  open(Following::Mode::once);
  while (follower_->read_earlier(sink_)) {
  }
  EXPECT_THAT(handed_out(), ElementsAre("here"));
  EXPECT_THAT(sink_.told,
              ElementsAre(AllOf(HasSubstr("s3://logs/b/: "), Not(HasSubstr("asked again")))));
}

TEST_F(S3FollowerTest, AFolderThatFailedBeforeIsListedAfterWhatIsNewIsRead) {
  at("2026-11-24T12:00");
  for (const char* key : {"a/x.log", "b/x.log"}) put(key, "old 1\n");
  store_.out = "a/";
  open();
  std::vector<std::string> before;
  follow({[&] { put("b/y.log", "b 1\n"), store_.when_out = [&] { before = sink_.got; }; }});
  EXPECT_THAT(before, ElementsAre("b")) << "listing it may take minutes";
}

TEST_F(S3FollowerTest, SoIsAPlaceThatWasNamed) {
  at("2026-11-24T12:00");
  named_ = {named_s3_folder("logs", "a/"), named_s3_folder("logs", "b/")};
  for (const char* key : {"a/x.log", "b/x.log"}) put(key, "old 1\n");
  open();
  std::vector<std::string> before;
  follow({[&] { store_.out = "a/"; },
          [&] {
            put("a/y.log", "a 1\n"), put("b/y.log", "b 1\n");
            store_.when_out = [&] { before = sink_.got; };
          },
          [&] { store_.out = "-"; }});
  EXPECT_THAT(before, ElementsAre("b"));
  EXPECT_THAT(handed_out(), ElementsAre("b", "a"));
}

TEST_F(S3FollowerTest, ADayThatCouldNotBeListedUntilItWasLongOverIsReadOnceItCanBe) {
  at("2026-11-24T12:00");
  put_on("2026/11/24", "a");
  put_on("2026/11/25", "ahead");
  open();
  follow({[&] {
            store_.out = kRegion + std::string("2026/11/24/");
            put_on("2026/11/24", "late");
          },
          [&] { at("2026-11-28T12:00"); }, [] {}, [&] { store_.out = "-"; }});
  EXPECT_THAT(handed_out(), ElementsAre("late"));
  EXPECT_THAT(sink_.told, ElementsAre(HasSubstr("asked again")));
  store_.listed.clear();
  follow({});
  EXPECT_THAT(store_.listed, Not(Contains(HasSubstr("2026/11/24")))) << "it is done with";
}

TEST_F(S3FollowerTest, ADayThatIsAskedAgainIsReadOnceItCanBeThoughItMightNotBeListedForAWhile) {
  at("2026-11-24T12:00");
  const std::string day = kRegion + std::string("2026/11/24/");
  put_on("2026/11/24", "a");
  open();
  follow({[&] { store_.out = day, put_on("2026/11/24", "late"); },
          [&] { at("2026-11-28T12:00"), store_.refused = day; }, [] {}, [] {},
          [&] { store_.refused = "-", store_.out = "-"; }});
  EXPECT_THAT(sink_.told, ElementsAre(HasSubstr("asked again")));
  EXPECT_THAT(handed_out(), ElementsAre("late"));
}

TEST_F(S3FollowerTest, DaysThatAreDoneWithAreNotReadAgainAfterTheirRegionWasOut) {
  at("2026-11-21T12:00");
  const std::string day = kRegion + std::string("2026/11/21/");
  put_on("2026/11/21", "a");
  open();
  follow({[&] { store_.out = day, put_on("2026/11/21", "late"); },
          [&] { at("2026-11-22T12:00"), put_on("2026/11/22", "b"); },
          [&] { at("2026-11-25T12:00"), put_on("2026/11/25", "c"); }, [] {},
          [&] { store_.refused = kRegion; }, [] {}, [&] { store_.refused = "-"; }, [] {}});
  EXPECT_THAT(handed_out(), ElementsAre("b", "c"));
  follow({[&] { store_.out = "-"; }});
  EXPECT_THAT(handed_out(), ElementsAre("late"));
  EXPECT_THAT(sink_.told, ElementsAre(HasSubstr("2026/11/21/: "), HasSubstr("us-east-1/: 403")));
  store_.listed.clear();
  follow({});
  EXPECT_THAT(store_.listed, Not(Contains(day))) << "it is done with";
}

TEST_F(S3FollowerTest, ABucketThatCannotBeListedHoldsUpNoOtherUnlessItIsAllThatWasNamed) {
  at("2026-11-24T12:00");
  named_.push_back(named_s3_folder("other", ""));
  open();
  follow({[&] { store_.bucket_out = "/other"; }, [&] { put("a.log", "a 1\n"); },
          [&] { store_.bucket_out = "/logs"; }, [&] { store_.is_out = true; }, [] {},
          [&] { store_.is_out = false, put("b.log", "b 1\n"), store_.bucket_out = ""; }});
  EXPECT_THAT(handed_out(), ElementsAre("a", "b"));
  EXPECT_THAT(sink_.told, ElementsAre(HasSubstr("s3://other/: "), HasSubstr("s3://logs/: "),
                                      HasSubstr("refused, and is asked again")));
  store_.bucket_out = "/other";
  const auto opened = try_open(Following::Mode::follow);
  ASSERT_FALSE(opened) << "at first each place has to be there";
  EXPECT_THAT(opened.error().message(), HasSubstr("s3://other"));
}

TEST_F(S3FollowerTest, DaysOfAFolderThatMightNotBeListedAreReadOnceItMayBe) {
  at("2026-11-24T12:00");
  put_on("2026/11/24", "a");
  open();
  follow({[&] { store_.refused = kRegion; },
          [&] {
            put_on("2026/11/24", "b");
            at("2026-11-28T12:00");
            put_on("2026/11/25", "c");
            put("x.log", "x 1\n");
          },
          [] {}, [&] { store_.refused = "-"; }});
  EXPECT_THAT(handed_out(), ElementsAre("x", "b", "c"));
  EXPECT_THAT(sink_.told, ElementsAre(HasSubstr("us-east-1/: 403")));
  store_.listed.clear();
  follow({});
  EXPECT_THAT(store_.listed, Not(Contains(HasSubstr("2026/11/25"))));
}

TEST_F(S3FollowerTest, OnlyWhatIsBelowAFolderThatMayNotBeListedIsKeptInMind) {
  at("2026-11-24T12:00");
  put("a/x.log", "a 1\n");
  put("b/x.log", "b 1\n");
  open();
  follow({[&] { store_.refused = "b/", store_.objects.erase("a/x.log"); },
          [&] { put("a/x.log", "a 1\n"); }, [&] { store_.refused = "-"; }});
  EXPECT_THAT(handed_out(), ElementsAre("a")) << "it came back";
}

TEST_F(S3FollowerTest, WhatIsReplacedIsReadAgainUnlessItsNameSaysWhatItHas) {
  at("2026-11-24T12:00");
  put("a.log", "a 1\n");
  put_on("2026/11/24", "b");
  open();
  follow({[&] {
    put("a.log", "x 1\n");
    for (auto& [key, object] : store_.objects) {
      if (key != "a.log") object.text += "other 1\n";
    }
  }});
  EXPECT_THAT(handed_out(), ElementsAre("x"));
}

TEST_F(S3FollowerTest, WhatIsReplacedBeforeItIsReadIsReadAfterTheNextListing) {
  at("2026-11-24T12:00");
  auto& named_by_content = put_on("2026/11/24", "a");
  put("b.log", "b 1\n");
  put("c.log", "c 1\n");
  open();
  named_by_content.text += "a2 1\n";
  put("b.log", "x 1\n");
  store_.objects.erase("c.log");
  while (follower_->read_earlier(sink_)) {
  }
  EXPECT_THAT(handed_out(), IsEmpty());
  follow({});
  EXPECT_THAT(handed_out(), ElementsAre("x", "a", "a2"));
  EXPECT_THAT(sink_.told, IsEmpty());
}

TEST_F(S3FollowerTest, WhatIsNeverTheObjectThatWasListedIsTold) {
  at("2026-11-24T12:00");
  open();
  follow({[&] { put("a.log", "a 1\n").is_never_as_listed = true; }, [] {}, [] {}});
  EXPECT_THAT(sink_.told, ElementsAre(HasSubstr("a.log: is another object by now")));
}

TEST_F(S3FollowerTest, AServerThatSpeaksOfOtherFoldersIsListedOnce) {
  store_.outside = "AWSLogs/";
  const auto listing = reader_.list(named_s3_folder("logs", "AWSLogs/"));
  ASSERT_FALSE(listing);
  EXPECT_THAT(listing.error().error.message(), HasSubstr("does not lie there"));
  EXPECT_TRUE(reader_.list(named_s3_folder("logs", "AWSL")));
  store_.outside = "net/";
  EXPECT_FALSE(reader_.list(named_s3_folder("logs", "AWSLogs/")));
}

TEST_F(S3FollowerTest, TheNewestOfWhatWasThereComesFirst) {
  at("2026-11-24T12:00");
  put("z.log", "oldest 1\n", "2026-11-01T00:00:00.000Z");
  put("a.log", "newest 1\n", "2026-11-24T12:00:01.000Z");
  put_on("2026/11/24", "slot");
  put_on("2026/11/23", "before");
  open();
  while (follower_->read_earlier(sink_)) {
  }
  EXPECT_THAT(handed_out(), ElementsAre("newest", "slot", "before", "oldest"));
  follow({[] {}});
  EXPECT_THAT(handed_out(), IsEmpty());
}

}  // namespace
}  // namespace weir::logs
