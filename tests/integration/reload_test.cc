// The description and the configuration change while real TCP connections go on.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "integration/recorded_network.h"

namespace weir::service {
namespace {

using ::testing::HasSubstr;

std::string tcp(int port, const std::string& from) {
  const std::string number = std::to_string(port);
  return R"({"IpProtocol": "tcp", "FromPort": )" + number + R"(, "ToPort": )" + number +
         R"(, "IpRanges": [{"CidrIp": ")" + from + R"("}]})";
}

constexpr timeval kForWhatIsRefused{0, 400'000};
constexpr timeval kForWhatPasses{60, 0};

/// Nothing waits longer, and what was sent in vain is not sent again once the socket is closed.
void limit_waiting(const base::Descriptor& socket, const timeval& limit) {
  const linger none{1, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &none, sizeof(none));
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/// May somebody new connect to a port of 10.0.0.10 where somebody listens? It is expected not.
bool is_let_in(const Space& peer, std::uint16_t port) {
  const base::Descriptor client = peer.socket(SOCK_STREAM);
  limit_waiting(client, kForWhatIsRefused);
  return live::connect_to(client, endpoint("10.0.0.10", port)) == 0;
}

/// A TCP connection from 10.0.0.20 to a port of 10.0.0.10.
class Connection {
 public:
  Connection(const Space& owner, const Space& peer, std::uint16_t port,
             const timeval& patience = kForWhatPasses)
      : listener_(owner.socket(SOCK_STREAM)), client_(peer.socket(SOCK_STREAM)) {
    EXPECT_EQ(live::bind_to(listener_, endpoint("10.0.0.10", port)), 0);
    EXPECT_EQ(listen(listener_.get(), 1), 0);
    limit_waiting(client_, patience);
    is_open_ = live::connect_to(client_, endpoint("10.0.0.10", port)) == 0;
    if (!is_open_) return;
    server_ = base::Descriptor(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    limit_waiting(server_, patience);
  }

  [[nodiscard]] bool is_open() const { return is_open_; }
  /// Does a message go there and back?
  [[nodiscard]] bool talks(const timeval& patience = kForWhatPasses) const {
    for (const auto* end : {&client_, &server_}) limit_waiting(*end, patience);
    std::array<char, 4> buffer{};
    return send(client_.get(), "ping", 4, MSG_NOSIGNAL) == 4 &&
           recv(server_.get(), buffer.data(), buffer.size(), MSG_WAITALL) == 4 &&
           send(server_.get(), "pong", 4, MSG_NOSIGNAL) == 4 &&
           recv(client_.get(), buffer.data(), buffer.size(), MSG_WAITALL) == 4;
  }

 private:
  base::Descriptor listener_;
  base::Descriptor client_;
  base::Descriptor server_;
  bool is_open_ = false;
};

class Reload : public Recorded {
 protected:
  static constexpr const char* kEnforce =
      "[[interface]]\nnetwork-interface-id = 'eni-1'\nmode = 'enforce'\n";
  const Described one{"eni-1", "10.0.0.10", "eth0"};
  const Described two{"eni-2", "10.0.1.11", "eth1"};

  [[nodiscard]] static Described with(Described interface, const std::string& ingress) {
    interface.ingress = ingress;
    return interface;
  }

  /// All that the devices have is in records.
  void expect_all_recorded(const std::string& interface, const std::string& device) const {
    EXPECT_EQ(recorded(interface, "ingress"), statistic(device, "rx_packets"));
    EXPECT_EQ(recorded(interface, "egress"), statistic(device, "tx_packets"));
  }
};

TEST_F(Reload, TrackedConnectionsSurviveThatTheirRuleGoesUntrackedOnesBreakNewOnesAreRefused) {
  // 5000 for the peer alone: tracked. 5001 for everyone, who may be answered anyway: untracked.
  describe({with(one, tcp(5000, "10.0.0.20/32") + "," + tcp(5001, "0.0.0.0/0"))});
  start(kEnforce);
  const Connection tracked(*owner, *peer, 5000);
  std::optional<Connection> untracked(std::in_place, *owner, *peer, 5001);
  ASSERT_TRUE(tracked.talks());
  ASSERT_TRUE(untracked->talks());
  tick();

  // Its index in the description becomes another one, too.
  describe({{"eni-0", "10.0.0.5", ""}, with(one, tcp(6000, "10.0.0.20/32"))});
  const auto reloaded = reload(kEnforce);
  ASSERT_TRUE(reloaded) << reloaded.error().message();
  EXPECT_TRUE(tracked.talks());
  EXPECT_FALSE(untracked->talks(kForWhatIsRefused));
  EXPECT_FALSE(is_let_in(*peer, 5000));
  EXPECT_TRUE(Connection(*owner, *peer, 6000).is_open());
  // What is refused is sent again and again: what came after the end no record would have.
  untracked.reset();
  drain_all();
  stop();
  expect_all_recorded("eni-1", "eth0");
  std::map<std::string, int> refused;
  for (const Line& line : lines()) {
    if (line.action == "REJECT") ++refused[line.dstport + " " + line.rule];
  }
  EXPECT_THAT(refused, ::testing::UnorderedElementsAre(
                           ::testing::Pair("5000 sg-eni-1:ingress:*", 1),
                           ::testing::Pair("5001 sg-eni-1:ingress:*", ::testing::Ge(1))));
}

TEST_F(Reload, WhatIsWrongChangesNothing) {
  describe({with(one, tcp(5000, "10.0.0.20/32"))});
  start(kEnforce);
  describe({with(one, tcp(70000, "10.0.0.20/32"))});
  const auto no_port = reload();
  ASSERT_FALSE(no_port);
  EXPECT_THAT(no_port.error().message(), HasSubstr("70000"));
  describe({two});
  const auto no_interface = reload(kEnforce);
  ASSERT_FALSE(no_interface);
  EXPECT_THAT(no_interface.error().message(), HasSubstr("eni-1 is no described interface"));
  describe({one});
  std::ofstream(folder / "logs" / "file") << "no folder";
  auto to_a_file = config(kEnforce);
  to_a_file->flow_logs.front().log_destination = folder / "logs" / "file";
  EXPECT_FALSE(service->reload(*to_a_file, now));

  EXPECT_TRUE(Connection(*owner, *peer, 5000).talks());
  EXPECT_FALSE(Connection(*owner, *peer, 5001, kForWhatIsRefused).is_open())
      << "still enforced, by the old rules";
  stop();
  expect_all_recorded("eni-1", "eth0");
}

TEST_F(Reload, InterfacesComeAndGoWithTheirLastCounts) {
  describe({one});
  start();
  describe({two, one});
  ASSERT_TRUE(reload());
  EXPECT_THAT(said, HasSubstr("eni-2 is recorded at eth1"));
  send(5);
  send(7, "10.0.1.11");
  describe({{"eni-2", "10.0.1.11", ""}, one});
  ASSERT_TRUE(reload());
  EXPECT_THAT(said, HasSubstr("eni-2 is let go of at eth1"));
  const auto last = statistic("eth1", "rx_packets");
  send(3, "10.0.1.11");  // nobody records it
  // Its number is another interface's now.
  describe({one, {"eni-3", "10.0.1.11", "eth1"}});
  ASSERT_TRUE(reload());
  send(2, "10.0.1.11");
  tick();
  stop();
  EXPECT_EQ(recorded("eni-2", "ingress"), last);
  EXPECT_EQ(recorded("eni-3", "ingress"), 2U);
  expect_all_recorded("eni-1", "eth0");
}

TEST_F(Reload, WhileManyInterfacesComeTheOthersAreRecordedAndDrained) {
  describe({one});
  start();
  owner->run("ip link add eth2 type veth peer name eth3");
  describe({one, two, {"eni-3", "10.0.1.12", "eth2"}, {"eni-4", "10.0.1.13", "eth3"}});
  const auto recorded_now = [&] {
    const auto interfaces = service->report().interfaces;
    return std::count_if(interfaces.begin(), interfaces.end(),
                         [](const auto& interface) { return interface.attachment.has_value(); });
  };
  ASSERT_TRUE(reload());
  EXPECT_EQ(recorded_now(), 2);
  for (int more = 1; service->wants_tick(); ++more) {
    ASSERT_LE(more, 2);
    send(1);
    const auto drains = service->report().drains.count();
    tick(std::chrono::seconds(0));
    EXPECT_EQ(service->report().drains.count(), drains + 1);
    EXPECT_EQ(recorded_now(), 2 + more);
  }
  EXPECT_EQ(recorded_now(), 4);
  stop();
  EXPECT_EQ(recorded("eni-1", "ingress"), 2U);
  std::set<std::string> skipped;
  for (const Line& line : lines()) {
    if (line.status == "SKIPDATA") skipped.insert(line.interface);
  }
  EXPECT_THAT(skipped, ::testing::ElementsAre("eni-3", "eni-4")) << "they had to wait";
}

TEST_F(Reload, ATrackedConnectionIsItsInterfacesOwn) {
  describe({one});
  start();
  const Connection old(*owner, *peer, 5001);
  ASSERT_TRUE(old.talks());
  describe({two});
  ASSERT_TRUE(reload());
  // The same address and number, and nobody may come in; what was let in for eni-1 was for eni-1.
  describe({with({"eni-9", "10.0.0.10", "eth0"}, tcp(6000, "10.0.0.20/32"))});
  ASSERT_TRUE(reload("[[interface]]\nnetwork-interface-id = 'eni-9'\nmode = 'enforce'\n"));
  EXPECT_FALSE(old.talks(kForWhatIsRefused));
  tick();
  stop();
  std::vector<std::string> verdicts;
  for (const Line& line : lines()) {
    if (line.interface == "eni-9" && line.direction == "ingress" && line.status == "OK") {
      verdicts.push_back(line.action + " " + line.rule);
    }
  }
  EXPECT_THAT(verdicts, ::testing::Each("REJECT sg-eni-9:ingress:*"));
  EXPECT_FALSE(verdicts.empty());
}

TEST_F(Reload, TheModeChangesWithoutAPacketThatGoesByUnseen) {
  describe({with(one, tcp(5000, "10.0.0.20/32"))});
  start();
  EXPECT_TRUE(Connection(*owner, *peer, 5001).talks()) << "observed only";
  ASSERT_TRUE(reload(kEnforce));
  EXPECT_THAT(said, HasSubstr("eni-1: its mode is enforce now"));
  EXPECT_FALSE(Connection(*owner, *peer, 5002, kForWhatIsRefused).is_open());
  EXPECT_TRUE(Connection(*owner, *peer, 5000).talks());
  stop();
  expect_all_recorded("eni-1", "eth0");
}

TEST_F(Reload, AWindowThatHadTrafficBeforeIsNotCalledSilent) {
  describe({one, two});
  start();
  send(1);
  tick();
  describe({two, one});
  ASSERT_TRUE(reload());
  tick(std::chrono::minutes(1));
  stop();
  std::set<std::string> told;
  for (const Line& line : lines()) told.insert(line.interface + " " + line.status);
  EXPECT_THAT(told, ::testing::ElementsAre("eni-1 OK", "eni-2 NODATA"));
}

TEST_F(Reload, AFlowLogWithOtherSettingsIsAnotherOne) {
  describe({one});
  start();
  send(1);
  auto next = config();
  next->flow_logs.front().log_destination = folder / "others";
  ASSERT_TRUE(service->reload(*next, now));
  EXPECT_THAT(said, HasSubstr("has ended"));
  EXPECT_EQ(recorded("eni-1", "ingress"), 1U) << "and its records are published";
  stop();
}

}  // namespace
}  // namespace weir::service
