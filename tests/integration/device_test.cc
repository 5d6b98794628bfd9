// Devices that come, go, and come again.
#include <gmock/gmock.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "integration/recorded_network.h"
#include "service/doctor.h"

namespace weir::service {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Device : public Recorded {
 protected:
  void SetUp() override {
    Recorded::SetUp();
    if (IsSkipped()) return;
    describe({{"eni-1", "10.0.0.10", "eth0"}, {"eni-2", "10.0.1.11", "eth1"}});
    start();
  }

  void remove() const { ASSERT_EQ(status_of("ip -n " + owner->name() + " link del eth0"), 0); }
  void make() { connect("eth0", "10.0.0.10", "10.0.0.20"); }
  [[nodiscard]] std::string complaint() const {
    return service->report().interfaces.front().complaint;
  }
  /// "eni-1 60" of each window with SKIPDATA, by its seconds since the first one.
  [[nodiscard]] std::set<std::string> skipped() const {
    std::set<std::string> out;
    for (const Line& line : lines()) {
      if (line.status != "SKIPDATA") continue;
      const base::UnixSeconds start(seconds(std::stoll(line.start)));
      out.insert(line.interface + " " + std::to_string((start - window_).count()));
    }
    return out;
  }

 private:
  const base::UnixSeconds window_ = base::aligned(base::second_of(now), minutes(1));
};

TEST_F(Device, ThatIsAnotherOneAtTheNextTickIsRecordedAndTheTimeBetweenIsTold) {
  send(2);
  tick();
  remove();
  make();
  tick();
  EXPECT_THAT(said, HasSubstr("eni-1: its device eth0 is gone"));
  send(3);
  tick();
  tick(minutes(1));
  stop();
  EXPECT_THAT(skipped(), ElementsAre("eni-1 0"));
  // That which vanished had its datagrams in the tick before.
  EXPECT_EQ(recorded("eni-1", "ingress"), 5U);
}

TEST_F(Device, ThatVanishesKeepsItsLastCounts) {
  send(2);
  EXPECT_TRUE(live::eventually([&] { return statistic("eth0", "tx_packets") == 2; }));  // answers
  remove();
  tick();
  EXPECT_THAT(said, HasSubstr("eni-1: its device eth0 is gone"));
  tick(minutes(1));
  stop();
  EXPECT_EQ(recorded("eni-1", "ingress"), 2U);
  EXPECT_EQ(recorded("eni-1", "egress"), 2U);
  EXPECT_THAT(skipped(), ElementsAre("eni-1 0", "eni-1 60"));
}

TEST_F(Device, ThatWasAwayOverTheEdgeOfAWindowIsToldInBoth) {
  tick(seconds(29));
  remove();
  tick(seconds(0));
  make();
  tick(seconds(2));
  tick(minutes(2));
  stop();
  EXPECT_THAT(skipped(), ElementsAre("eni-1 0", "eni-1 60"));
}

TEST_F(Device, ThatIsGoneAtTheEndIsTold) {
  tick();
  remove();
  stop();
  EXPECT_THAT(skipped(), ElementsAre("eni-1 0"));
}

TEST_F(Device, FromWhichAProgramWasTakenHasItAgainAndTheTimeIsTold) {
  send(2);
  tick();
  const auto attached = live::programs_at(*owner, "eth0");
  if (attached.empty()) GTEST_SKIP() << "this kernel has no tcx";
  ASSERT_TRUE(live::take_away(attached.front()));
  tick();
  EXPECT_THAT(said, HasSubstr("eni-1: what hung at its device eth0 was taken away"));
  EXPECT_EQ(live::programs_at(*owner, "eth0"), attached);
  send(3);
  tick();
  tick(minutes(1));
  stop();
  EXPECT_THAT(skipped(), ElementsAre("eni-1 0"));
  EXPECT_EQ(recorded("eni-1", "ingress"), 5U);
}

TEST_F(Device, AtWhichNothingCanBePutBackIsToldWithTheReason) {
  tick();
  const auto attached = live::programs_at(*owner, "eth0");
  if (attached.empty()) GTEST_SKIP() << "this kernel has no tcx";
  // No program hangs at a device twice, and now it hangs there by another's doing.
  const base::Descriptor own(bpf_prog_get_fd_by_id(attached.front()));
  ASSERT_TRUE(live::take_away(attached.front()));
  const live::Another other(*owner, "eth0", own);
  tick();
  EXPECT_THAT(said, HasSubstr("eni-1: what hung at its device eth0 was taken away, and cannot be "
                              "put back: attaching to eth0"));
  EXPECT_THAT(said, HasSubstr("File exists"));
  EXPECT_THAT(said, Not(HasSubstr("is gone")));
  EXPECT_THAT(complaint(), HasSubstr("File exists"));
}

TEST_F(Device, AtWhichAnotherProgramComesFirstIsFirstAgainAndTheTimeIsTold) {
  tick();
  if (live::programs_at(*owner, "eth0").empty()) GTEST_SKIP() << "this kernel has no tcx";
  const live::Another other(*owner, "eth0");
  send(2);  // nobody sees it
  tick();
  EXPECT_THAT(said, HasSubstr("eni-1: another program had come first at its device eth0"));
  send(3);
  tick();
  tick(minutes(1));
  stop();
  EXPECT_THAT(skipped(), ElementsAre("eni-1 0"));
  EXPECT_EQ(recorded("eni-1", "ingress"), 3U);
}

TEST_F(Device, AtWhichAnotherProgramInsistsOnComingFirstIsToldInEachWindow) {
  tick();
  if (live::programs_at(*owner, "eth0").empty()) GTEST_SKIP() << "this kernel has no tcx";
  const live::Another once(*owner, "eth0");
  tick();
  std::optional<live::Another> again(std::in_place, *owner, "eth0");
  tick();
  EXPECT_THAT(said, HasSubstr("eni-1: another program comes first at its device eth0"));
  EXPECT_THAT(complaint(), HasSubstr("comes first"));
  std::map<std::string, std::string> doctor;
  for (const Finding& finding : examine(folder / "weir.toml")) {
    doctor[finding.subject] = finding.found;
  }
  EXPECT_THAT(doctor["before Weir at eth0 in " + owner->name()],
              HasSubstr("let_all_pass (program"));
  EXPECT_THAT(doctor["after Weir at eth0 in " + owner->name()], HasSubstr("let_all_pass (program"));
  tick(minutes(1));
  again.reset();
  tick(minutes(1));
  EXPECT_EQ(complaint(), "");
  send(3);
  tick();
  tick(minutes(1));
  stop();
  EXPECT_THAT(skipped(), ElementsAre("eni-1 0", "eni-1 120", "eni-1 60"));
  EXPECT_EQ(recorded("eni-1", "ingress"), 3U);
}

TEST_F(Device, ThatStaysIsNotTold) {
  tick();
  ASSERT_TRUE(reload());
  tick(minutes(2));
  stop();
  EXPECT_THAT(skipped(), IsEmpty());
}

}  // namespace
}  // namespace weir::service
