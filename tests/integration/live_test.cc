// Real packets over veth pairs, recorded by the kernel: each is accounted for, nothing stays
// behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <string>

#include "live/datapath.h"
#include "live/hook.h"

namespace weir::live {
namespace {

using vpc::Direction;

base::UnixMicros now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

int shell(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str());
}

/// Two network namespaces, `owner` and `peer`, and a veth pair between them.
class Veth : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
    const std::string id = std::to_string(getpid());
    owner = "weir-owner-" + id;
    peer = "weir-peer-" + id;
    ASSERT_EQ(shell("ip netns add " + owner), 0);
    ASSERT_EQ(shell("ip netns add " + peer), 0);
    ASSERT_EQ(shell("ip -n " + owner + " link add eth0 type veth peer name eth0 netns " + peer), 0);
    for (const auto& [space, address] : {std::pair{owner, "10.0.0.10"}, {peer, "10.0.0.20"}}) {
      ASSERT_EQ(shell("ip netns exec " + space + " sysctl -qw net.ipv6.conf.all.disable_ipv6=1"),
                0);
      ASSERT_EQ(shell("ip -n " + space + " addr add " + address + "/24 dev eth0"), 0);
      ASSERT_EQ(shell("ip -n " + space + " link set eth0 up"), 0);
    }
  }
  void TearDown() override {
    if (owner.empty()) return;
    shell("ip netns del " + owner);
    shell("ip netns del " + peer);
  }

  std::string owner;
  std::string peer;
};

vpc::Network open_network() {
  vpc::Network network;
  network.vpcs.push_back({"vpc-1", "123456789012", {*base::Prefix::parse("10.0.0.0/16")}});
  vpc::Subnet subnet;
  subnet.id = "subnet-1";
  subnet.cidrs = {*base::Prefix::parse("10.0.0.0/24")};
  network.subnets.push_back(subnet);
  network.network_acls.push_back({"acl-1", {}, true, {}, {}});
  network.security_groups.push_back(
      {"sg-1", "", {}, {}, {{"1", {}, *base::Prefix::parse("0.0.0.0/0"), ""}}});
  vpc::NetworkInterface interface;
  interface.id = "eni-1";
  interface.ipv4 = {*base::Address::parse("10.0.0.10")};
  interface.groups = {vpc::SecurityGroupIndex{0}};
  network.interfaces.push_back(interface);
  network.index();
  return network;
}

TEST_F(Veth, APingIsRecordedWithItsVerdict) {
  auto datapath = Datapath::load({.flows = 4096, .ipv6_flows = 1024, .connections = 4096});
  ASSERT_TRUE(datapath) << datapath.error().message();
  const auto port = datapath->add_port(Mode::observe, true);
  ASSERT_TRUE(port) << port.error().message();
  const auto network = open_network();
  const auto policy = policy::Policy::compile(network);
  ASSERT_TRUE(policy);
  const std::array interfaces{vpc::InterfaceIndex{0}};
  ASSERT_TRUE(datapath->publish(*policy, interfaces));
  auto hook = Hook::attach(
      {datapath->program(*port, Direction::ingress), datapath->program(*port, Direction::egress)},
      {"eth0", owner});
  ASSERT_TRUE(hook) << hook.error().message();

  ASSERT_EQ(shell("ip netns exec " + owner + " ping -c 3 -i 0.01 10.0.0.20"), 0);

  std::vector<DrainedFlow> flows;
  const auto account =
      datapath->drain(now(), [&](const DrainedFlow& flow) { flows.push_back(flow); });
  ASSERT_TRUE(account) << account.error().message();
  for (const auto& point : *account) EXPECT_EQ(point.accounted(), point.seen());
  ASSERT_EQ(flows.size(), 2U);
  for (const auto& flow : flows) {
    EXPECT_EQ(flow.counters.packets, 3U);
    EXPECT_EQ(flow.counters.bytes, 3U * 84);
    EXPECT_EQ(flow.counters.accept, 1);
    EXPECT_EQ(policy->rule_name(flow.counters.group_rule),
              flow.direction == Direction::egress ? "sg-1:egress:1" : "tracked");
  }
}

}  // namespace
}  // namespace weir::live
