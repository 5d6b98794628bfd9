// More flows than the kernel's tables were made for.
#include <gmock/gmock.h>

#include <set>
#include <string>
#include <utility>

#include "integration/recorded_network.h"

namespace weir::service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Overflow : public Recorded {
 protected:
  void send_to_many_ports(const char* address, std::uint16_t flows) const {
    const auto sender = peer->socket(SOCK_DGRAM, AF_INET6);
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    ASSERT_EQ(inet_pton(AF_INET6, address, &to.sin6_addr), 1);
    for (std::uint16_t i = 0; i < flows; ++i) {
      to.sin6_port = htons(static_cast<std::uint16_t>(1024 + i));
      ASSERT_EQ(sendto(sender.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
                1);
    }
  }
};

TEST_F(Overflow, BecomesSkipdataOfItsInterfaceAndEachPacketIsAccountedFor) {
  describe({{"eni-1", "10.0.0.10", "eth0"}, {"eni-2", "10.0.1.11", "eth1"}});
  start();
  send_to_many_ports("::ffff:10.0.0.10", 20'000);
  drain_all();
  const Status status = service->status();
  EXPECT_GT(status.overflow, 0U);
  EXPECT_EQ(status.seen, status.recorded + status.overflow + status.exceptions);
  EXPECT_THAT(said, HasSubstr("packets found no room and become SKIPDATA; give more "
                              "capacity.flows\n"));
  stop();
  EXPECT_EQ(recorded("eni-1", "ingress") + recorded("eni-1", "egress"), status.recorded);
  std::set<std::string> told;
  for (const Line& line : lines()) told.insert(line.interface + " " + line.status);
  EXPECT_THAT(told, ::testing::ElementsAre("eni-1 OK", "eni-1 SKIPDATA"));
}

TEST_F(Overflow, OfConnectionsIsTold) {
  // From everyone they would not be tracked.
  describe({{"eni-1", "10.0.0.10", "eth0",
             R"({"IpProtocol": "udp", "FromPort": 0, "ToPort": 65535,
                 "IpRanges": [{"CidrIp": "10.0.0.20/32"}]})"}});
  start();
  send_to_many_ports("::ffff:10.0.0.10", 12'000);
  drain_all();
  const PointFigures in = service->report().interfaces.front().directions.front();
  EXPECT_GE(in.not_tracked, 12'000U - 8192);
  EXPECT_THAT(said, HasSubstr("eni-1 ingress: "));
  EXPECT_THAT(said,
              HasSubstr(" packets began connections that found no room, and whose answers may "
                        "be refused; give more capacity.connections\n"));
  stop();
}

TEST_F(Overflow, OfIpv6NamesTheTableThatWasTooSmall) {
  describe({{"eni-1", "10.0.0.10", "eth0"}});
  start();
  for (const auto& [space, address] : {std::pair{&*owner, "fd00::10"}, {&*peer, "fd00::20"}}) {
    space->run("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0");
    space->run(std::string("ip addr add ") + address + "/64 dev eth0 nodad");
  }
  send_to_many_ports("fd00::10", 4'000);
  EXPECT_TRUE(live::eventually([&] {
    tick(std::chrono::seconds(0));
    return service->status().overflow > 0;
  }));
  EXPECT_THAT(said, HasSubstr("; give more capacity.ipv6-flows\n"));
  EXPECT_THAT(said, Not(HasSubstr("capacity.flows")));

  said.clear();
  send_to_many_ports("fd00::10", 4'000);
  send_to_many_ports("::ffff:10.0.0.10", 20'000);
  EXPECT_TRUE(live::eventually([&] {
    tick(std::chrono::seconds(0));
    return said.find("; give more capacity.flows") != std::string::npos;
  }));
  EXPECT_THAT(said, HasSubstr("capacity.ipv6-flows\n"));
  stop();
}

}  // namespace
}  // namespace weir::service
