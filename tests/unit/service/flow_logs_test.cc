#include "service/flow_logs.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <thread>

#include "base/descriptor.h"
#include "plan_folder.h"

namespace weir::service {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

/// A server on loopback, to which a flow log can deliver.
class Server {
 public:
  Server() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const at = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(socket_.get(), at, size), 0);
    EXPECT_EQ(listen(socket_.get(), 16), 0);
    EXPECT_EQ(getsockname(socket_.get(), at, &size), 0);
    port_ = ntohs(address.sin_port);
  }

  /// A flow log's settings, to deliver to it.
  [[nodiscard]] std::string as_destination() const {
    return "log-destination = 's3://bucket'\n[flow-log.remote]\nattach-bucket-policy = false\n" +
           endpoint();
  }
  [[nodiscard]] std::string as_log_group() const {
    return "log-group-name = '/flow'\n[flow-log.remote]\n" + endpoint();
  }

 protected:
  [[nodiscard]] int socket() const { return socket_.get(); }

 private:
  [[nodiscard]] std::string endpoint() const {
    return "endpoint-url = 'http://127.0.0.1:" + std::to_string(port_) + "'";
  }

  base::Descriptor socket_;
  std::uint16_t port_ = 0;
};

/// It takes connections and never answers.
class Silent : public Server {
 public:
  /// Waits for it.
  [[nodiscard]] bool was_called() const {
    pollfd waited{socket(), POLLIN, 0};
    return poll(&waited, 1, 60'000) == 1;
  }
  /// What the next who calls says at once.
  [[nodiscard]] std::string next_request() const {
    if (!was_called()) return "";
    const base::Descriptor peer(accept(socket(), nullptr, nullptr));
    std::array<char, 65'536> block{};
    const ssize_t size = recv(peer.get(), block.data(), block.size(), 0);
    return {block.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }
};

/// It says to each request, of which it reads what comes at once, that it is done.
class Obliging : public Server {
 public:
  /// Of each it says so in these words.
  explicit Obliging(const std::string& body = "")
      : answer_("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body),
        thread_([this] { serve(); }) {}
  Obliging(const Obliging&) = delete;
  Obliging& operator=(const Obliging&) = delete;
  ~Obliging() {
    shutdown(socket(), SHUT_RDWR);
    thread_.join();
  }

 private:
  void serve() const {
    for (;;) {
      const base::Descriptor peer(accept(socket(), nullptr, nullptr));
      if (!peer.is_open()) return;
      std::string request;
      std::array<char, 65'536> block{};
      std::size_t wanted = std::string::npos;
      while (request.size() < wanted) {
        const ssize_t size = recv(peer.get(), block.data(), block.size(), 0);
        if (size <= 0) break;
        request.append(block.data(), static_cast<std::size_t>(size));
        const std::size_t end = request.find("\r\n\r\n");
        const std::size_t length = request.find("Content-Length: ");
        if (end == std::string::npos) continue;
        wanted = end + 4 + (length < end ? std::stoul(request.substr(length + 16)) : 0);
      }
      send(peer.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    }
  }

  std::string answer_;
  std::thread thread_;
};

class FlowLogsTest : public PlanFolder {
 protected:
  FlowLogsTest() : flow_logs_(log()) {
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
  }

  [[nodiscard]] std::vector<FlowLogs::Fresh> prepare(const Plan& plan, base::UnixMicros now) {
    auto fresh = flow_logs_.prepare(plan, {}, now);
    EXPECT_TRUE(fresh) << fresh.error().message();
    return fresh ? std::move(*fresh) : std::vector<FlowLogs::Fresh>();
  }
  void follow(std::unique_ptr<const Plan> plan, std::vector<FlowLogs::Fresh> fresh,
              base::UnixMicros now) {
    EXPECT_TRUE(flow_logs_.follow(std::move(plan), std::move(fresh), now));
    EXPECT_TRUE(flow_logs_.pass(now));
  }
  void begin(std::unique_ptr<const Plan> plan, base::UnixMicros now) {
    auto fresh = prepare(*plan, now);
    follow(std::move(plan), std::move(fresh), now);
  }
  void add(base::UnixMicros time) { EXPECT_TRUE(flow_logs_.add(flow_at(time, 1), eni_1())); }
  void turn(base::UnixMicros now, Publishing publishing = Publishing::what_is_due) {
    EXPECT_TRUE(flow_logs_.turn(now, publishing));
  }

  /// One record, and no more, waits until it is delivered.
  void deliver_one(base::UnixSeconds time) {
    add(time);
    turn(time + seconds(1), Publishing::everything);
    flow_logs_.drain(seconds(60));
  }

  FlowLogs flow_logs_;
};

TEST_F(FlowLogsTest, OneThatEndsWithALossTellsItWhenThereIsRoom) {
  begin(make_plan(), kStart);
  add(kStart + seconds(10));
  break_logs();
  begin(make_plan("fl-0badcafe", "log-destination = 'others'"), kStart + seconds(20));
  EXPECT_THAT(said_, HasSubstr("fl-0123abcd has ended"));
  turn(kStart + seconds(21));
  EXPECT_THAT(flow_logs_.whole_until(),
              ElementsAre(Pair("fl-0123abcd", kStart), Key("fl-0badcafe")));
  mend_logs();
  turn(kStart + seconds(22));
  EXPECT_THAT(told("eni-1"), ElementsAre("0 SKIPDATA"));
  EXPECT_THAT(told("eni-2"), ElementsAre("0 SKIPDATA"));
  EXPECT_THAT(flow_logs_.whole_until(), ElementsAre(Key("fl-0badcafe")));
  EXPECT_EQ(flow_logs_.totals().lost_records, 1U);
}

TEST_F(FlowLogsTest, ASuccessorOfTheSameIdTellsWhatWasLost) {
  begin(make_plan(), kStart);
  add(kStart + seconds(10));
  auto next = make_plan("fl-0123abcd", "log-destination = 'logs'\ntraffic-type = 'REJECT'");
  auto fresh = prepare(*next, kStart + seconds(20));
  break_logs();
  follow(std::move(next), std::move(fresh), kStart + seconds(20));
  EXPECT_THAT(flow_logs_.whole_until(), ElementsAre(Pair("fl-0123abcd", kStart)));
  mend_logs();
  turn(kStart + seconds(22), Publishing::everything);
  EXPECT_THAT(told("eni-1"), ElementsAre("0 SKIPDATA"));
  EXPECT_THAT(flow_logs_.whole_until(), ElementsAre(Pair("fl-0123abcd", kStart + seconds(22))));
}

TEST_F(FlowLogsTest, WhatWaitsGoesToADestinationWithOtherSettings) {
  const Silent first;
  const Silent second;
  begin(make_plan("fl-0123abcd", first.as_destination()), kStart);
  add(kStart + seconds(10));
  turn(kStart + seconds(20), Publishing::everything);
  EXPECT_TRUE(first.was_called());
  begin(make_plan("fl-0123abcd", second.as_destination()), kStart + seconds(30));
  EXPECT_TRUE(second.was_called());
  turn(kStart + seconds(31));
  const auto deliveries = flow_logs_.deliveries();
  ASSERT_THAT(deliveries, SizeIs(1));
  EXPECT_EQ(deliveries.front().spool.waiting, 1U);
  EXPECT_THAT(said_, HasSubstr("flow log fl-0123abcd: 1 segments wait for s3://bucket (eu-west-1), "
                               "and go to s3://bucket (eu-west-1) from now on"));
}

TEST_F(FlowLogsTest, WhatWaitsGoesToAnotherRegion) {
  const Silent server;
  begin(make_plan("fl-0123abcd", server.as_log_group()), kStart);
  add(kStart + seconds(10));
  turn(kStart + seconds(20), Publishing::everything);
  EXPECT_THAT(server.next_request(), HasSubstr("/eu-west-1/logs/aws4_request"));
  begin(make_plan("fl-0123abcd", "region = 'us-east-1'\n" + server.as_log_group()),
        kStart + seconds(30));
  std::string request = server.next_request();
  while (request.find("/eu-west-1/") != std::string::npos) request = server.next_request();
  EXPECT_THAT(request, HasSubstr("/us-east-1/logs/aws4_request"));
}

TEST_F(FlowLogsTest, OneWhoseDestinationIsReachedByAnotherRoleIsAnother) {
  const Silent server;
  begin(make_plan("fl-0123abcd", server.as_log_group()), kStart);
  begin(make_plan("fl-0123abcd", server.as_log_group()), kStart + seconds(10));
  EXPECT_THAT(said_, Not(HasSubstr("has ended")));
  const std::string role = "deliver-logs-permission-arn = 'arn:aws:iam::123456789012:role/r'\n";
  begin(make_plan("fl-0123abcd", role + server.as_log_group()), kStart + seconds(20));
  EXPECT_THAT(said_, HasSubstr("flow log fl-0123abcd has ended"));
}

TEST_F(FlowLogsTest, WhatIsRefusedForEverCountsOverAReloadAndTheEnd) {
  const Obliging server(R"({"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":1}})");
  begin(make_plan("fl-0123abcd", server.as_log_group()), kStart);
  deliver_one(kStart + seconds(10));
  EXPECT_EQ(flow_logs_.totals().refused_records, 1U);
  begin(make_plan("fl-0123abcd", "region = 'us-east-1'\n" + server.as_log_group()),
        kStart + seconds(20));
  deliver_one(kStart + seconds(30));
  ASSERT_THAT(flow_logs_.deliveries(), SizeIs(1));
  EXPECT_EQ(flow_logs_.deliveries().front().delivery.refused, 2U);
  EXPECT_EQ(flow_logs_.deliveries().front().delivery.delivered, 2U);
  EXPECT_TRUE(flow_logs_.deliveries().front().takes_events);

  begin(make_plan("fl-0badcafe", "log-destination = 'others'"), kStart + seconds(40));
  turn(kStart + seconds(41));
  EXPECT_THAT(flow_logs_.deliveries(), SizeIs(0));
  const FlowLogs::Totals totals = flow_logs_.totals();
  EXPECT_EQ(totals.refused_records, 2U);
  EXPECT_EQ(totals.batches, 2U);
  EXPECT_EQ(totals.objects, 0U);
}

TEST_F(FlowLogsTest, OneThatHasEndedIsToldOfWhileItDelivers) {
  const Silent server;
  begin(make_plan("fl-0123abcd", server.as_destination()), kStart);
  add(kStart + seconds(10));
  turn(kStart + seconds(20), Publishing::everything);
  begin(make_plan("fl-0badcafe", "log-destination = 'others'"), kStart + seconds(30));
  turn(kStart + seconds(31));
  auto reports = flow_logs_.reports();
  ASSERT_THAT(reports, SizeIs(2));
  EXPECT_FALSE(reports[0].has_ended);
  EXPECT_EQ(reports[1].id, "fl-0123abcd");
  EXPECT_TRUE(reports[1].has_ended);
  ASSERT_TRUE(reports[1].delivery);
  EXPECT_EQ(reports[1].delivery->spool.waiting, 1U);

  begin(make_plan("fl-0123abcd", "log-destination = 'logs'"), kStart + seconds(40));
  turn(kStart + seconds(41));
  reports = flow_logs_.reports();
  ASSERT_THAT(reports, SizeIs(2));
  EXPECT_FALSE(reports[0].has_ended);
  EXPECT_FALSE(reports[0].delivery) << "of a folder";
  EXPECT_EQ(reports[1].id, reports[0].id);
  EXPECT_TRUE(reports[1].has_ended);
  EXPECT_EQ(reports[1].destination, "s3://bucket");
  EXPECT_EQ(reports[1].delivery->spool.waiting, 1U);
}

TEST_F(FlowLogsTest, WhatWaitsToBeObjectsIsToldThoughItsSuccessorDeliversEvents) {
  const Silent server;
  begin(make_plan("fl-0123abcd", server.as_destination()), kStart);
  add(kStart + seconds(10));
  turn(kStart + seconds(20), Publishing::everything);
  begin(make_plan("fl-0123abcd", server.as_log_group()), kStart + seconds(30));
  EXPECT_THAT(said_, HasSubstr("flow log fl-0123abcd has ended; 1 segments wait to be delivered to "
                               "s3://bucket\n"));
  turn(kStart + seconds(31));
  auto reports = flow_logs_.reports();
  ASSERT_THAT(reports, SizeIs(2));
  EXPECT_FALSE(reports[0].has_ended);
  EXPECT_EQ(reports[0].destination, "log group /flow");
  EXPECT_EQ(reports[0].delivery->spool.waiting, 0U);
  EXPECT_TRUE(reports[1].has_ended);
  EXPECT_EQ(reports[1].destination, "s3://bucket");
  EXPECT_EQ(reports[1].delivery->spool.waiting, 1U);

  // Back to a bucket, with other settings: what waits is that one's from its first moment on.
  begin(make_plan("fl-0123abcd", "traffic-type = 'REJECT'\n" + server.as_destination()),
        kStart + seconds(40));
  reports = flow_logs_.reports();
  ASSERT_THAT(reports, SizeIs(1));
  EXPECT_FALSE(reports[0].has_ended);
  EXPECT_EQ(reports[0].delivery->spool.waiting, 1U);
}

TEST_F(FlowLogsTest, WhatWasLostCountsOnceThoughItsFlowLogComesBackAsItIsDone) {
  const Obliging server;
  begin(make_plan("fl-0123abcd", server.as_destination()), kStart);
  add(kStart + seconds(10));
  break_folder("weir.state/spool/fl-0123abcd");
  turn(kStart + seconds(20), Publishing::everything);
  mend_folder("weir.state/spool/fl-0123abcd");
  ASSERT_EQ(flow_logs_.totals().lost_records, 1U);
  begin(make_plan("fl-0badcafe", "log-destination = 'others'"), kStart + seconds(30));

  auto again = make_plan("fl-0123abcd", server.as_destination());
  auto fresh = prepare(*again, kStart + seconds(31));
  const auto end = std::chrono::steady_clock::now() + seconds(60);
  do {
    ASSERT_LT(std::chrono::steady_clock::now(), end) << "its SKIPDATA is not delivered";
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    turn(kStart + seconds(120));
  } while (flow_logs_.reports().size() > 1);
  EXPECT_EQ(flow_logs_.totals().lost_records, 1U);
  follow(std::move(again), std::move(fresh), kStart + seconds(121));
  EXPECT_EQ(flow_logs_.totals().lost_records, 1U);
}

TEST_F(FlowLogsTest, WhatASpoolHasLostAndCannotWriteDownIsNotWhole) {
  const Silent server;
  begin(make_plan("fl-0123abcd", server.as_destination()), kStart);
  turn(kStart + seconds(60), Publishing::everything);
  add(kStart + seconds(70));
  break_folder("weir.state/spool/fl-0123abcd");
  turn(kStart + seconds(130), Publishing::everything);
  turn(kStart + seconds(190));
  EXPECT_THAT(flow_logs_.whole_until(), ElementsAre(Pair("fl-0123abcd", kStart + seconds(60))));
  mend_folder("weir.state/spool/fl-0123abcd");
  turn(kStart + seconds(250), Publishing::everything);
  EXPECT_THAT(flow_logs_.whole_until(), ElementsAre(Pair("fl-0123abcd", kStart + seconds(250))));
}

TEST_F(FlowLogsTest, TheLastTurnTellsWhatASpoolLostOfWindowsThatAreNotOver) {
  const Silent server;
  begin(make_plan("fl-0123abcd", server.as_destination()), kStart);
  add(kStart + seconds(290));
  add(kStart + seconds(310));
  break_folder("weir.state/spool/fl-0123abcd");
  turn(kStart + seconds(320), Publishing::everything);
  mend_folder("weir.state/spool/fl-0123abcd");
  constexpr std::uint64_t kLost = (2 * 5) + 1;  // of both interfaces in five minutes, and the last
  EXPECT_EQ(flow_logs_.totals().lost_records, kLost);
  EXPECT_EQ(flow_logs_.totals().records, kLost);
  turn(kStart + seconds(330), Publishing::last);
  EXPECT_EQ(flow_logs_.totals().lost_records, kLost);
  EXPECT_EQ(flow_logs_.totals().records, 2 * kLost) << "SKIPDATA instead of each";
  EXPECT_EQ(flow_logs_.deliveries().at(0).spool.waiting, 2U) << "of two times five minutes";
}

TEST_F(FlowLogsTest, ASpoolThatIsLeftOverIsToldEvenIfAFlowLogWithAFolderHasItsId) {
  const Silent server;
  begin(make_plan("fl-0123abcd", server.as_destination()), kStart);
  add(kStart + seconds(10));
  turn(kStart + seconds(20), Publishing::everything);
  flow_logs_.tell_left_over();
  EXPECT_THAT(said_, Not(HasSubstr("wait in")));
  flow_logs_ = FlowLogs(log());
  begin(make_plan("fl-0123abcd", "log-destination = 'logs'"), kStart + seconds(30));
  flow_logs_.tell_left_over();
  EXPECT_THAT(said_, HasSubstr("1 segments wait in " + (folder_ / "weir.state/spool").string() +
                               "/fl-0123abcd, and no flow log delivers them"));
}

TEST_F(FlowLogsTest, WhatCannotBeToldAnyMoreIsSaidAtTheStart) {
  begin(make_plan(), kStart);
  EXPECT_TRUE(flow_logs_.resume({{"fl-0123abcd", kStart}, {"fl-0badcafe", kStart - seconds(60)}},
                                kStart, kStart));
  EXPECT_THAT(said_, HasSubstr("flow log fl-0badcafe was whole until"));
  EXPECT_THAT(said_, Not(HasSubstr("flow log fl-0123abcd was whole until")));
}

TEST_F(FlowLogsTest, TheFirstStartIsNotSilentWhereAttachingOutlastsWindows) {
  auto plan = make_plan();
  auto fresh = prepare(*plan, kStart + seconds(50));
  EXPECT_TRUE(flow_logs_.follow(std::move(plan), std::move(fresh), kStart + seconds(50)));
  EXPECT_TRUE(flow_logs_.resume({}, kStart + seconds(50), kStart + seconds(130)));
  add(kStart + seconds(70));  // of the first that was attached
  turn(kStart + seconds(190), Publishing::everything);
  EXPECT_THAT(told("eni-1"), UnorderedElementsAre("0 SKIPDATA", "1 OK", "1 SKIPDATA", "2 NODATA"));
  EXPECT_THAT(told("eni-2"), UnorderedElementsAre("0 SKIPDATA", "1 SKIPDATA", "2 NODATA"));
}

TEST_F(FlowLogsTest, TheFirstStartWithinAWindowLacksNothing) {
  auto plan = make_plan();
  auto fresh = prepare(*plan, kStart + seconds(10));
  EXPECT_TRUE(flow_logs_.follow(std::move(plan), std::move(fresh), kStart + seconds(10)));
  EXPECT_TRUE(flow_logs_.resume({}, kStart + seconds(10), kStart + seconds(50)));
  turn(kStart + seconds(60), Publishing::everything);
  EXPECT_THAT(told("eni-1"), ElementsAre("0 NODATA"));
}

TEST_F(FlowLogsTest, AllOfThemHaveOneTimeToDeliverInTheEnd) {
  const Silent server;
  const std::string destination = server.as_destination();
  begin(make_plan("fl-0123abcd", destination + "\n" + flow_log("fl-0123abce", destination) +
                                     flow_log("fl-0123abcf", destination)),
        kStart);
  add(kStart + seconds(10));
  turn(kStart + seconds(20), Publishing::last);
  ASSERT_THAT(flow_logs_.deliveries(), SizeIs(3));
  const auto before = std::chrono::steady_clock::now();
  flow_logs_.drain(seconds(2));
  const auto took = std::chrono::steady_clock::now() - before;
  EXPECT_GE(took, seconds(2)) << "they hang";
  EXPECT_LT(took, seconds(6)) << "which is what they would take one after another";
}

TEST_F(FlowLogsTest, NobodyWaitsInTheEndForAProgramThatGivesCredentials) {
  const std::filesystem::path mark = folder_ / "begun";
  std::ofstream(folder_ / "aws") << "[profile slow]\ncredential_process = sh -c 'touch \""
                                 << mark.string() << "\"; exec sleep 600'\n";
  setenv("AWS_CONFIG_FILE", (folder_ / "aws").c_str(), 1);
  begin(make_plan("fl-0123abcd",
                  "log-destination = 's3://bucket'\n[flow-log.remote]\n"
                  "attach-bucket-policy = false\nprofile = 'slow'"),
        kStart);
  add(kStart + seconds(10));
  turn(kStart + seconds(20), Publishing::last);
  const auto begun = std::chrono::steady_clock::now();
  while (!std::filesystem::exists(mark) && std::chrono::steady_clock::now() - begun < seconds(60)) {
    std::this_thread::yield();
  }
  unsetenv("AWS_CONFIG_FILE");  // only now: profiles are read at each search
  ASSERT_TRUE(std::filesystem::exists(mark));
  const auto before = std::chrono::steady_clock::now();
  flow_logs_ = FlowLogs(log());
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(20));
}

TEST_F(FlowLogsTest, WhatWaitsToBeObjectsIsNotForWhoTakesEvents) {
  const Silent server;
  begin(make_plan("fl-0123abcd", server.as_destination()), kStart);
  add(kStart + seconds(10));
  turn(kStart + seconds(20), Publishing::everything);
  begin(make_plan("fl-0123abcd", server.as_log_group()), kStart + seconds(30));
  add(kStart + seconds(40));
  turn(kStart + seconds(50), Publishing::everything);
  const auto segments = [this](const char* spool) {
    std::size_t count = 0;
    for (const auto& each :
         std::filesystem::directory_iterator(folder_ / "weir.state" / "spool" / spool)) {
      if (each.path().extension() == ".segment") ++count;
    }
    return count;
  };
  EXPECT_EQ(segments("fl-0123abcd"), 1U);
  EXPECT_EQ(segments("fl-0123abcd.events"), 1U);
}

}  // namespace
}  // namespace weir::service
