// A service that was killed, and the next one.
#include <gmock/gmock.h>
#include <sys/prctl.h>

#include <csignal>
#include <map>
#include <set>

#include "integration/recorded_network.h"
#include "service/state_folder.h"

namespace weir::service {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class Restart : public Recorded {
 protected:
  const Described one{"eni-1", "10.0.0.10", "eth0"};
  const Described two{"eni-2", "10.0.1.11", "eth1"};

  /// A service in a process of its own that has a tick after it has seen `published` datagrams, and
  /// is killed with SIGKILL when it has seen `lost` more.
  void kill_one(const std::string& more, int published, int lost) {
    std::array<int, 2> to_child{-1, -1};
    std::array<int, 2> from_child{-1, -1};
    ASSERT_EQ(pipe2(to_child.data(), O_CLOEXEC), 0);
    ASSERT_EQ(pipe2(from_child.data(), O_CLOEXEC), 0);
    const pid_t child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      start(more);
      for (char order = 's'; service != nullptr; tick()) {
        if (write(from_child[1], &order, 1) != 1 || read(to_child[0], &order, 1) != 1) break;
      }
      _exit(1);
    }
    const base::Descriptor orders(to_child[1]);
    const base::Descriptor answers(from_child[0]);
    close(to_child[0]);
    close(from_child[1]);
    char answer = 0;
    ASSERT_EQ(read(answers.get(), &answer, 1), 1) << "the service did not start";
    send(published);
    ASSERT_EQ(write(orders.get(), "t", 1), 1);
    ASSERT_EQ(read(answers.get(), &answer, 1), 1);
    now += seconds(1);
    send(lost);
    attached = live::programs_at(*owner, "eth0").size();
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
  }

  /// By interface, when the windows begin that have a record of this status, in seconds since
  /// `since`.
  [[nodiscard]] std::map<std::string, std::set<std::int64_t>> told(const std::string& status,
                                                                   base::UnixMicros since) const {
    std::map<std::string, std::set<std::int64_t>> out;
    for (const Line& line : lines()) {
      if (line.status != status) continue;
      out[line.interface].insert(std::stoll(line.start) -
                                 base::second_of(since).time_since_epoch().count());
    }
    return out;
  }

  std::size_t attached = 0;  ///< programs at eth0, before the kill
};

TEST_F(Restart, AfterAKillTheGapIsToldAndNothingIsLeftInTheKernel) {
  describe({one, two});
  const auto window = now - seconds(30);
  kill_one("publish-interval = 1", 5, 3);
  ASSERT_FALSE(HasFatalFailure());
  if (attached == 0) GTEST_SKIP() << "this kernel has no tcx";
  EXPECT_EQ(attached, 2U);
  EXPECT_TRUE(live::eventually([&] { return live::programs_at(*owner, "eth0").empty(); }));
  EXPECT_EQ(recorded("eni-1", "ingress"), 5U) << "what was published is there";

  now += seconds(130);
  start();
  EXPECT_THAT(said, HasSubstr("SKIPDATA stands for the time since"));
  send(2);
  tick();
  tick(minutes(2));
  tick(minutes(5));
  stop();
  EXPECT_EQ(recorded("eni-1", "ingress"), 7U);
  // It was killed in the first window and started in the third; the fourth has nothing.
  EXPECT_THAT(told("SKIPDATA", window), ElementsAre(Pair("eni-1", ElementsAre(0, 60, 120)),
                                                    Pair("eni-2", ElementsAre(0, 60, 120))));
  const auto silent = ElementsAre(180, 240, 300, 360, 420, 480);
  EXPECT_THAT(told("NODATA", window), ElementsAre(Pair("eni-1", silent), Pair("eni-2", silent)));
  EXPECT_THAT(live::run_program("find " + folder.string() + " -name *.tmp").output, IsEmpty());
}

TEST_F(Restart, ASecondKillBeforeAnythingWasPublishedDoesNotLoseTheFirstGap) {
  describe({one});
  const auto window = now - seconds(30);
  kill_one("publish-interval = 1", 5, 3);
  ASSERT_FALSE(HasFatalFailure());
  now += minutes(2);
  kill_one("", 2, 2);  // publishes in five minutes' time
  ASSERT_FALSE(HasFatalFailure());
  now += minutes(1);
  start();
  tick(minutes(6));
  stop();
  EXPECT_EQ(recorded("eni-1", "ingress"), 5U);
  EXPECT_THAT(told("SKIPDATA", window), ElementsAre(Pair("eni-1", ElementsAre(0, 60, 120, 180))));
}

TEST_F(Restart, AStopIsAGapTooAndAfterMoreThanADayOnlyItsEndsAreTold) {
  describe({one});
  start();
  const auto window = now - seconds(30);
  tick();
  stop();
  now += std::chrono::days(3);
  start();
  tick(minutes(6));
  stop();
  constexpr std::int64_t kThreeDays = 3 * std::int64_t{86'400};
  const auto skipped = told("SKIPDATA", window);
  EXPECT_THAT(skipped, ElementsAre(Pair("eni-1", ElementsAre(0, kThreeDays))));
}

TEST_F(Restart, AWindowThatBeginsWhileItAttachesIsNotWhole) {
  describe({one});
  start();
  const auto window = now - seconds(30);
  tick();
  stop();
  now = window + minutes(2) - std::chrono::microseconds(1);
  start();
  tick(minutes(6));
  stop();
  EXPECT_THAT(told("SKIPDATA", window), ElementsAre(Pair("eni-1", ElementsAre(0, 60, 120))));
}

TEST_F(Restart, ASecondServiceIsRefusedWhileOneIsAtWork) {
  describe({one});
  start();
  auto second = Service::start(*config(), now, [](const base::LogLine&) {});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr("another `weir up` is at work there"));
}

TEST_F(Restart, FiltersOfClsactThatAKilledServiceLeftAreRemoved) {
  describe({one});
  start();
  stop();
  // What a killed one leaves: a hook that nobody lets go of, and its traces in the state folder.
  auto datapath = live::Datapath::load({.flows = 1024, .ipv6_flows = 1024, .connections = 1024});
  ASSERT_TRUE(datapath) << datapath.error().message();
  const auto port = datapath->add_port(live::Mode::observe, true);
  ASSERT_TRUE(port) << port.error().message();
  auto hook = live::Hook::attach({datapath->program(*port, vpc::Direction::ingress),
                                  datapath->program(*port, vpc::Direction::egress)},
                                 {"eth0", owner->name()}, live::Attachment::clsact);
  ASSERT_TRUE(hook) << hook.error().message();
  {
    auto state = StateFolder::open(config()->state);
    ASSERT_TRUE(state) << state.error().message();
    auto remembered = state->read();
    ASSERT_TRUE(remembered) << remembered.error().message();
    remembered->remains.push_back(*hook->remains());
    ASSERT_TRUE(state->write(*remembered));
  }
  EXPECT_THAT(owner->ask("tc filter show dev eth0 ingress"), HasSubstr("weir_live"));
  start();
  EXPECT_THAT(said, HasSubstr("what a killed weir had left at eth0 was removed"));
  stop();  // without tcx it has a filter of its own there
  EXPECT_THAT(owner->ask("tc filter show dev eth0 ingress"), IsEmpty());
  EXPECT_THAT(owner->ask("tc qdisc show dev eth0"), ::testing::Not(HasSubstr("clsact")));
}

}  // namespace
}  // namespace weir::service
