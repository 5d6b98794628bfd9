// More flows than the kernel's tables were made for.
#include <gmock/gmock.h>

#include <set>

#include "integration/recorded_network.h"

namespace weir::service {
namespace {

using Overflow = Recorded;

TEST_F(Overflow, BecomesSkipdataOfItsInterfaceAndEachPacketIsAccountedFor) {
  constexpr std::uint16_t kFlows = 20'000;
  describe({{"eni-1", "10.0.0.10", "eth0"}, {"eni-2", "10.0.1.11", "eth1"}});
  start();
  const auto sender = peer->socket(SOCK_DGRAM);
  for (std::uint16_t i = 0; i < kFlows; ++i) {
    const auto port = static_cast<std::uint16_t>(1024 + i);
    ASSERT_TRUE(live::send_to(sender, endpoint("10.0.0.10", port), 10));
  }
  drain_all();
  const Status status = service->status();
  EXPECT_GT(status.overflow, 0U);
  EXPECT_EQ(status.seen, status.recorded + status.overflow + status.exceptions);
  stop();
  EXPECT_EQ(recorded("eni-1", "ingress") + recorded("eni-1", "egress"), status.recorded);
  std::set<std::string> told;
  for (const Line& line : lines()) told.insert(line.interface + " " + line.status);
  EXPECT_THAT(told, ::testing::ElementsAre("eni-1 OK", "eni-1 SKIPDATA"));
}

}  // namespace
}  // namespace weir::service
