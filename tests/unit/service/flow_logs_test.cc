#include "service/flow_logs.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdlib>
#include <optional>

#include "base/descriptor.h"
#include "plan_folder.h"

namespace weir::service {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Pair;
using ::testing::SizeIs;

/// A server that takes connections and never answers.
class Silent {
 public:
  Silent() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
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
  /// Waits for it.
  [[nodiscard]] bool was_called() const {
    pollfd waited{socket_.get(), POLLIN, 0};
    return poll(&waited, 1, 60'000) == 1;
  }

 private:
  [[nodiscard]] std::string endpoint() const {
    return "endpoint-url = 'http://127.0.0.1:" + std::to_string(port_) + "'";
  }

  base::Descriptor socket_;
  std::uint16_t port_ = 0;
};

class FlowLogsTest : public PlanFolder {
 protected:
  FlowLogsTest() : flow_logs_(log()) {
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
  }

  [[nodiscard]] std::vector<FlowLogs::Fresh> prepare(const Plan& plan, base::UnixMicros now) const {
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
  EXPECT_LT(took, seconds(4)) << "one after another they would take six seconds";
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
