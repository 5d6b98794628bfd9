// Programs at a device that others use, too, or take away.
#include "live/hook.h"

#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <linux/if_link.h>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "integration/live_network.h"
#include "live/datapath.h"
#include "live/others.h"

namespace weir::live {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using vpc::Direction;

class Hooked : public Hosts {
 protected:
  void SetUp() override {
    Hosts::SetUp();
    if (IsSkipped()) return;
    connect("eth0", kOwner, kPeer);
    auto loaded = Datapath::load({.flows = 1024, .ipv6_flows = 1024, .connections = 1024});
    ASSERT_TRUE(loaded) << loaded.error().message();
    datapath.emplace(std::move(*loaded));
    const auto added = datapath->add_port(Mode::observe, true);
    ASSERT_TRUE(added) << added.error().message();
    port = *added;
  }

  [[nodiscard]] Programs programs() const {
    return {datapath->program(port, Direction::ingress),
            datapath->program(port, Direction::egress)};
  }
  void attach(Attachment attachment = Attachment::any) {
    auto attached = Hook::attach(programs(), {"eth0", owner->name()}, attachment);
    ASSERT_TRUE(attached) << attached.error().message();
    hook.emplace(std::move(*attached));
  }
  /// Somebody else's filters at the same discipline.
  [[nodiscard]] std::optional<Hook> another() const {
    auto attached = Hook::attach(programs(), {"eth0", owner->name()}, Attachment::clsact);
    EXPECT_TRUE(attached) << attached.error().message();
    return attached ? std::optional(std::move(*attached)) : std::nullopt;
  }
  void take_away_filter(const std::string& direction, const Remains::Filter& filter) const {
    owner->run("tc filter del dev eth0 " + direction + " pref " + std::to_string(filter.priority) +
               " handle " + std::to_string(filter.handle) + " bpf");
  }
  /// Programs see what the peer sends and what it is answered.
  void expect_to_see_all() {
    peer->run("ping -q -c 3 -i 0.01 " + std::string(kOwner));
    const auto points = datapath->drain(now(), [](const DrainedFlow&) {});
    ASSERT_TRUE(points) << points.error().message();
    for (const PointAccount& point : *points) EXPECT_EQ(point.seen(), 3U);
  }
  /// Somebody's filter, after which nobody sees a packet.
  void let_pass(const std::string& direction, std::uint32_t priority) const {
    const base::Descriptor program = let_all_pass();
    at_device(*owner, "eth0", [&](int index) {
      bpf_tc_hook point{};
      point.sz = sizeof(point);
      point.ifindex = index;
      point.attach_point = direction == "ingress" ? BPF_TC_INGRESS : BPF_TC_EGRESS;
      bpf_tc_opts options{};
      options.sz = sizeof(options);
      options.prog_fd = program.get();
      options.priority = priority;
      EXPECT_EQ(bpf_tc_attach(&point, &options), 0);
    });
  }
  [[nodiscard]] std::string discipline() const { return owner->ask("tc qdisc show dev eth0"); }

  std::optional<Datapath> datapath;
  Port port{};
  std::optional<Hook> hook;
};

TEST_F(Hooked, AnothersDisciplineStaysWhenWeirGoes) {
  owner->run("tc qdisc add dev eth0 clsact");
  attach(Attachment::clsact);
  EXPECT_THAT(owner->ask("tc filter show dev eth0 ingress"), HasSubstr("weir_live"));
  EXPECT_THAT(owner->ask("tc filter show dev eth0 egress"), HasSubstr("weir_live"));
  hook.reset();
  EXPECT_THAT(owner->ask("tc filter show dev eth0 ingress"), Not(HasSubstr("weir_live")));
  EXPECT_THAT(owner->ask("tc filter show dev eth0 egress"), Not(HasSubstr("weir_live")));
  EXPECT_THAT(discipline(), HasSubstr("clsact"));
}

base::Descriptor loaded(bpf_prog_type type, const char* name,
                        std::span<const bpf_insn> instructions) {
  base::Descriptor program(
      bpf_prog_load(type, name, "GPL", instructions.data(), instructions.size(), nullptr));
  EXPECT_TRUE(program.is_open());
  return program;
}

/// Lets all pass on to tc.
base::Descriptor xdp_program() {
  return loaded(BPF_PROG_TYPE_XDP, "a_balancer",
                std::array{bpf_insn{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS},
                           bpf_insn{BPF_JMP | BPF_EXIT, 0, 0, 0, 0}});
}

TEST_F(Hooked, OthersAreToldByNameAndWhetherTheyComeBefore) {
  using Stage = OtherProgram::Stage;
  attach();
  if (hook->attachment() != Attachment::tcx) GTEST_SKIP() << "this kernel has no tcx";
  const Device device{"eth0", owner->name()};
  const auto others = [&device] {
    const auto found = others_at(device);
    EXPECT_TRUE(found) << found.error().message();
    return found.value_or(std::vector<OtherProgram>());
  };
  EXPECT_THAT(others(), ::testing::IsEmpty()) << "but Weir's own";

  const Another other(*owner, "eth0");
  const auto all = programs_at(*owner, "eth0");  // the other's first, in both directions
  const auto with = [&](bool comes_before) {
    return std::vector{OtherProgram{Stage::received, "let_all_pass", all.front(), comes_before},
                       OtherProgram{Stage::sent, "let_all_pass", all.front(), comes_before}};
  };
  EXPECT_EQ(others(), with(true));
  ASSERT_TRUE(*hook->repair(programs()));
  EXPECT_EQ(others(), with(false));
  hook.reset();
  EXPECT_EQ(others(), with(false)) << "Weir's will come before them";

  owner->run("tc qdisc add dev eth0 clsact");
  owner->run("tc filter add dev eth0 egress protocol ip u32 match u32 0 0");
  auto expected = with(false);
  expected.push_back({Stage::sent, "u32", 0, false});
  EXPECT_EQ(others(), expected);

  const base::Descriptor balancer = xdp_program();
  at_device(*owner, "eth0", [&](int index) {
    EXPECT_EQ(bpf_xdp_attach(index, balancer.get(), XDP_FLAGS_SKB_MODE, nullptr), 0);
  });
  const auto found = others();
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found.front().stage, Stage::xdp);
  EXPECT_EQ(found.front().name, "a_balancer");
  EXPECT_TRUE(found.front().comes_before);
  EXPECT_FALSE(others_at({"eth77", owner->name()}));
}

/// Sends what a device receives to the peer of a veth, as Cilium does.
base::Descriptor redirect_to_peer_of(int veth) {
  return loaded(BPF_PROG_TYPE_SCHED_CLS, "to_peer",
                std::array{bpf_insn{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, veth},
                           bpf_insn{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 0},
                           bpf_insn{BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_peer},
                           bpf_insn{BPF_JMP | BPF_EXIT, 0, 0, 0, 0}});
}

TEST_F(Hooked, WhatIsRedirectedToAVethsPeerIsSeenThereAlone) {
  constexpr std::uint64_t kDatagrams = 5;
  // The peer is the owner's host: eth0 there is the host's end, and what comes by `card` is for the
  // owner.
  peer->run("ip link add wire type veth peer name card");
  for (const char* device : {"wire", "card"}) {
    peer->run(std::string("ip link set ") + device + " up");
  }
  peer->run("ip addr add 192.0.2.1/24 dev wire");
  peer->run("ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:01 dev wire");
  base::Descriptor redirecting;
  at_device(*peer, "eth0", [&](int index) { redirecting = redirect_to_peer_of(index); });
  const Another redirection(*peer, "card", redirecting);
  if (programs_at(*peer, "card").empty()) GTEST_SKIP() << "this kernel has no tcx";

  attach();
  const auto added = datapath->add_port(Mode::observe, true);
  ASSERT_TRUE(added) << added.error().message();
  // What the host's end sends is what the owner receives.
  const auto at_host = Hook::attach(
      {datapath->program(*added, Direction::egress), datapath->program(*added, Direction::ingress)},
      {"eth0", peer->name()});
  ASSERT_TRUE(at_host) << at_host.error().message();
  const auto sender = peer->socket(SOCK_DGRAM);
  for (std::uint64_t i = 0; i < kDatagrams; ++i) {
    ASSERT_TRUE(send_to(sender, endpoint("192.0.2.2", 9), 10));
  }
  std::uint64_t in_namespace = 0;
  EXPECT_TRUE(eventually([&] {
    const auto points = datapath->drain(now(), [](const DrainedFlow&) {});
    if (!points) return false;
    in_namespace += (*points)[0].seen();
    for (std::size_t at_any = 1; at_any < points->size(); ++at_any) {
      EXPECT_EQ((*points)[at_any].seen(), 0U) << at_any;
    }
    return in_namespace >= kDatagrams;
  }));
  EXPECT_EQ(in_namespace, kDatagrams);
}

TEST_F(Hooked, ADeviceThatIsGoneIsNoLongerAttachedEvenIfAnotherComes) {
  attach();
  EXPECT_NE(hook->standing(), Standing::gone);
  const auto link = "ip -n " + owner->name() + " link ";
  ASSERT_EQ(status_of(link + "del eth0"), 0);
  EXPECT_EQ(hook->standing(), Standing::gone);
  EXPECT_FALSE(*hook->repair(programs()));
  ASSERT_EQ(status_of(link + "add eth0 type veth peer name other"), 0);
  EXPECT_EQ(hook->standing(), Standing::gone);
  attach();
  EXPECT_NE(hook->standing(), Standing::gone);
}

TEST_F(Hooked, ADeviceOfTheSameNumberIsAnotherOne) {
  attach();
  const auto link = "ip -n " + owner->name() + " link ";
  const auto number = owner->ask("cat /sys/class/net/eth0/ifindex");
  ASSERT_EQ(status_of(link + "del eth0"), 0);
  ASSERT_EQ(status_of(link + "add eth0 index " + number + " type veth peer name other"), 0);
  EXPECT_EQ(hook->standing(), Standing::gone);
}

TEST_F(Hooked, ProgramsThatSomebodyTookAwayAreMissedAndPutBack) {
  attach();
  if (hook->attachment() != Attachment::tcx) GTEST_SKIP() << "this kernel has no tcx";
  EXPECT_NE(hook->standing(), Standing::gone);
  const auto attached = programs_at(*owner, "eth0");
  ASSERT_EQ(attached.size(), 2U);
  ASSERT_TRUE(take_away(attached.back()));
  EXPECT_EQ(hook->standing(), Standing::gone) << "one direction is not seen any more";
  const auto repaired = hook->repair(programs());
  ASSERT_TRUE(repaired) << repaired.error().message();
  EXPECT_TRUE(*repaired);
  EXPECT_NE(hook->standing(), Standing::gone);
  EXPECT_EQ(programs_at(*owner, "eth0"), attached);
}

TEST_F(Hooked, AProgramThatHangsThereAlreadyKeepsNoPacketFromIt) {
  const Another other(*owner, "eth0");
  attach(Attachment::tcx);
  EXPECT_EQ(hook->standing(), Standing::first);
  expect_to_see_all();
}

TEST_F(Hooked, AProgramThatComesBeforeItIsMissedAndComesAfterItAgain) {
  attach(Attachment::tcx);
  const Another other(*owner, "eth0");
  EXPECT_EQ(hook->standing(), Standing::behind);
  const auto before = programs_at(*owner, "eth0");
  ASSERT_TRUE(*hook->repair(programs()));
  EXPECT_EQ(hook->standing(), Standing::first);
  EXPECT_THAT(programs_at(*owner, "eth0"), ElementsAre(before[1], before[0], before[3], before[2]));
  expect_to_see_all();
}

TEST_F(Hooked, ADisciplineThatOthersReplacedIsMissedAndTheirsStays) {
  attach(Attachment::clsact);
  EXPECT_NE(hook->standing(), Standing::gone);
  owner->run("tc filter del dev eth0 egress");
  EXPECT_EQ(hook->standing(), Standing::gone) << "one direction is not seen any more";
  owner->run("tc qdisc del dev eth0 clsact");
  EXPECT_EQ(hook->standing(), Standing::gone);
  owner->run("tc qdisc add dev eth0 clsact");
  EXPECT_EQ(hook->standing(), Standing::gone);
  hook.reset();
  EXPECT_THAT(discipline(), HasSubstr("clsact"));
  attach(Attachment::clsact);
  EXPECT_NE(hook->standing(), Standing::gone);
}

TEST_F(Hooked, ADisciplineThatOthersUseStaysWhenItsMakerGoes) {
  attach(Attachment::clsact);
  auto other = another();
  hook.reset();
  EXPECT_NE(other->standing(), Standing::gone);
  other.reset();
  EXPECT_THAT(discipline(), HasSubstr("clsact")) << "it was not theirs, but in use";
}

TEST_F(Hooked, WhatAKilledOneLeftGoesWithoutWhatIsOthers) {
  attach(Attachment::clsact);
  const auto other = another();
  EXPECT_TRUE(remove(*hook->remains()));
  EXPECT_EQ(hook->standing(), Standing::gone);
  EXPECT_NE(other->standing(), Standing::gone);
}

TEST_F(Hooked, FiltersThatWereTakenAwayArePutBackBesideThoseOfOthers) {
  attach(Attachment::clsact);
  auto other = another();
  take_away_filter("egress", hook->remains()->egress);
  EXPECT_EQ(hook->standing(), Standing::gone);
  ASSERT_TRUE(*hook->repair(programs()));
  EXPECT_NE(hook->standing(), Standing::gone);
  EXPECT_NE(other->standing(), Standing::gone);
  other.reset();
  hook.reset();
  EXPECT_THAT(discipline(), Not(HasSubstr("clsact"))) << "who made it takes it away";
}

TEST_F(Hooked, FiltersThatHangThereAlreadyKeepNoPacketFromIt) {
  owner->run("tc qdisc add dev eth0 clsact");
  let_pass("ingress", 1);
  let_pass("egress", 2);
  attach(Attachment::clsact);
  EXPECT_EQ(hook->standing(), Standing::first);
  expect_to_see_all();
}

TEST_F(Hooked, AFilterThatComesBeforeItIsMissedAndComesAfterItAgain) {
  attach(Attachment::clsact);
  let_pass("egress", 1);
  EXPECT_EQ(hook->standing(), Standing::behind);
  ASSERT_TRUE(*hook->repair(programs()));
  EXPECT_EQ(hook->standing(), Standing::first);
  expect_to_see_all();
  const auto filters = owner->ask("tc filter show dev eth0 egress");
  EXPECT_LT(filters.find("weir_live"), filters.find("let_all_pass")) << filters;
}

TEST_F(Hooked, AFilterThatLeavesNoPlaceBeforeItIsTold) {
  owner->run("tc qdisc add dev eth0 clsact");
  owner->run("tc filter add dev eth0 ingress pref 1 protocol ip u32 match u32 0 0");
  attach(Attachment::clsact);
  EXPECT_EQ(hook->standing(), Standing::behind);
  ASSERT_TRUE(*hook->repair(programs()));
  EXPECT_EQ(hook->standing(), Standing::behind);
}

TEST_F(Hooked, ADisciplineWithoutAnyFilterIsStillWhoseItWas) {
  attach(Attachment::clsact);
  take_away_filter("ingress", hook->remains()->ingress);
  take_away_filter("egress", hook->remains()->egress);
  ASSERT_TRUE(*hook->repair(programs()));
  hook.reset();
  EXPECT_THAT(discipline(), Not(HasSubstr("clsact")));
}

TEST_F(Hooked, ADisciplineThatOthersPutInTheOnesPlaceIsTheirs) {
  attach(Attachment::clsact);
  owner->run("tc qdisc del dev eth0 clsact");
  owner->run("tc qdisc add dev eth0 clsact");
  auto other = another();
  ASSERT_TRUE(*hook->repair(programs()));
  EXPECT_NE(hook->standing(), Standing::gone);
  other.reset();
  hook.reset();
  EXPECT_THAT(discipline(), HasSubstr("clsact"));
}

TEST_F(Hooked, ADeviceThatIsNotThereIsNamed) {
  const auto hook_on = [&](const Device& device) { return Hook::attach(programs(), device); };
  const auto no_device = hook_on({"eth7", owner->name()});
  ASSERT_FALSE(no_device);
  EXPECT_EQ(no_device.error().where, "attaching to eth7 in " + owner->name());
  const auto no_space = hook_on({"eth0", "nowhere"});
  ASSERT_FALSE(no_space);
  EXPECT_EQ(no_space.error().where, "network namespace /run/netns/nowhere");
}

}  // namespace
}  // namespace weir::live
