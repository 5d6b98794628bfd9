// Loading an interface's programs takes the kernel long: nothing else waits for many of them, even
// if it refuses them.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>

#include "integration/recorded_network.h"
#include "service/devices.h"
#include "service/plan.h"

namespace weir::service {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Loading : public Recorded {
 protected:
  void SetUp() override {
    Recorded::SetUp();
    if (IsSkipped()) return;
    owner->run("ip link add eth2 type veth peer name eth3");
    describe({{"eni-1", "10.0.0.10", "eth0"},
              {"eni-2", "10.0.1.11", "eth1"},
              {"eni-3", "10.0.1.12", "eth2"},
              {"eni-4", "10.0.1.13", "eth3"}});
  }

  /// With programs that the kernel refuses where they are to enforce.
  void make_devices(const std::string& more) {
    std::ifstream file(WEIR_REFUSED_OBJECT, std::ios::binary);
    object_.assign(std::istreambuf_iterator<char>(file), {});
    auto read = config(more);
    ASSERT_TRUE(read) << read.error().message();
    auto loaded = live::Datapath::load(
        read->capacity, {.object = std::as_bytes(std::span(object_)), .program = "weir_refused"});
    ASSERT_TRUE(loaded) << loaded.error().message();
    datapath_.emplace(std::move(*loaded));
    auto made = Plan::make(std::move(*read), nullptr);
    ASSERT_TRUE(made) << made.error().message();
    plan = std::move(*made);
    devices.emplace(*datapath_, *plan,
                    [this](const base::LogLine& line) { said += line.text + "\n"; });
  }
  void TearDown() override {
    devices.reset();
    Recorded::TearDown();
  }

  [[nodiscard]] static std::string enforced(const std::string& id) {
    return "[[interface]]\nnetwork-interface-id = '" + id + "'\nmode = 'enforce'\n";
  }
  /// By interface: "recorded", "refused", or "waits".
  [[nodiscard]] std::vector<std::string> states() const {
    std::vector<std::string> out;
    for (const Watched& one : devices->watched()) {
      const bool is_refused = one.complaint.find("verifier does not take it") != std::string::npos;
      out.emplace_back(one.hook ? "recorded" : is_refused ? "refused" : "waits");
    }
    return out;
  }

  std::optional<Devices> devices;
  std::unique_ptr<const Plan> plan;

 private:
  std::string object_;
  std::optional<live::Datapath> datapath_;
};

TEST_F(Loading, OneLookLoadsThoseOfOneInterfaceEvenIfTheKernelRefusesThem) {
  using States = std::vector<std::string>;
  make_devices(enforced("eni-1") + enforced("eni-2"));
  devices->look(now);
  EXPECT_EQ(states(), (States{"refused", "waits", "waits", "waits"}));
  ASSERT_TRUE(devices->is_waited_for());
  devices->look(now);
  EXPECT_EQ(states(), (States{"refused", "refused", "waits", "waits"}));
  ASSERT_TRUE(devices->is_waited_for());
  devices->look(now);
  EXPECT_EQ(states(), (States{"refused", "refused", "recorded", "waits"}));
  ASSERT_TRUE(devices->is_waited_for());
  devices->look(now);
  EXPECT_EQ(states(), (States{"refused", "refused", "recorded", "recorded"}));
  EXPECT_FALSE(devices->is_waited_for());

  // If one were tried, the other would wait for its turn.
  devices->look(now + seconds(59));
  EXPECT_FALSE(devices->is_waited_for());
  EXPECT_EQ(states(), (States{"refused", "refused", "recorded", "recorded"}));
  const std::string before = said;
  ASSERT_TRUE(devices->follow(*plan));
  devices->look(now + seconds(59));
  EXPECT_TRUE(devices->is_waited_for()) << "after a reload they are tried at once";
  devices->look(now + seconds(59));
  EXPECT_FALSE(devices->is_waited_for());
  devices->look(now + minutes(2));
  EXPECT_TRUE(devices->is_waited_for());
  EXPECT_EQ(said, before) << "it has been told";
}

TEST_F(Loading, WhatWasRefusedIsTriedAgainWhenNobodyElseWaits) {
  using States = std::vector<std::string>;
  make_devices(enforced("eni-1"));
  devices->look(now);
  EXPECT_EQ(states(), (States{"refused", "waits", "waits", "waits"}));
  for (const States& then : {States{"refused", "recorded", "waits", "waits"},
                             States{"refused", "recorded", "recorded", "waits"},
                             States{"refused", "recorded", "recorded", "recorded"}}) {
    devices->look(now += minutes(1));
    EXPECT_EQ(states(), then);
  }
}

TEST_F(Loading, AStartTriesEachOnce) {
  make_devices(enforced("eni-1") + enforced("eni-2"));
  int times = 0;
  EXPECT_TRUE(devices->prepare(now, [&times] { return ++times > 0; }));
  EXPECT_EQ(times, 4);
  EXPECT_THAT(said, IsEmpty());
  devices->look(now);
  EXPECT_FALSE(devices->is_waited_for());
  EXPECT_EQ(states(), (std::vector<std::string>{"refused", "refused", "recorded", "recorded"}));
}

TEST_F(Loading, AStartThatIsToldToEndLoadsNoMoreAndAttachesNothing) {
  auto read = config();
  ASSERT_TRUE(read) << read.error().message();
  int times = 0;
  const auto started = Service::start(
      std::move(*read), now, [this](const base::LogLine& line) { said += line.text + "\n"; },
      [&times] { return ++times < 2; });
  ASSERT_TRUE(started) << started.error().message();
  EXPECT_EQ(*started, nullptr);
  EXPECT_EQ(times, 2);
  EXPECT_THAT(live::programs_at(*owner, "eth0"), IsEmpty());
  EXPECT_THAT(owner->ask("tc qdisc show dev eth0"), Not(HasSubstr("clsact")));
  EXPECT_THAT(said, Not(HasSubstr("is recorded")));
}

}  // namespace
}  // namespace weir::service
