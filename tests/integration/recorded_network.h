// What the tests of `weir up`'s engine stand on: a service that records interfaces in a network
// namespace of the test's own, under a description and a clock that the test sets.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "integration/live_network.h"
#include "service/config.h"
#include "service/service.h"

namespace weir::service {

using live::endpoint;
using live::Space;
using live::status_of;

/// An interface of the description, and the group rules (AWS's JSON) of it alone.
struct Described {
  std::string id;
  std::string address;
  std::string device;  ///< empty: not of this host
  std::string ingress = live::kEverything;
};

/// A line of a flow log, in the format of the tests.
struct Line {
  std::string interface;
  std::string direction;
  std::string srcport;
  std::string dstport;
  std::string packets;
  std::string start;
  std::string action;
  std::string status;
  std::string rule;
};

inline std::istream& operator>>(std::istream& in, Line& line) {
  return in >> line.interface >> line.direction >> line.srcport >> line.dstport >> line.packets >>
         line.start >> line.action >> line.status >> line.rule;
}

constexpr const char* kFormat =
    "${interface-id} ${flow-direction} ${srcport} ${dstport} ${packets} ${start} ${action} "
    "${log-status} ${weir-security-group-rule}";

/// The host 10.0.0.10 (eth0) and 10.0.1.11 (eth1), whose interfaces are recorded, and 10.0.0.20 and
/// 10.0.1.20 at the other ends.
class Recorded : public live::Hosts {
 protected:
  void SetUp() override {
    Hosts::SetUp();
    if (IsSkipped()) return;
    folder = std::filesystem::path(::testing::TempDir()) / ("weir-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    connect("eth0", "10.0.0.10", "10.0.0.20");
    connect("eth1", "10.0.1.11", "10.0.1.20");
  }
  void TearDown() override {
    service.reset();
    std::filesystem::remove_all(folder);
  }

  void describe(const std::vector<Described>& interfaces) const {
    const std::string all = R"("Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0")";
    std::string groups;
    std::string described;
    for (const Described& one : interfaces) {
      const std::string comma = groups.empty() ? "" : ",";
      groups += comma + R"({"GroupId": "sg-)" + one.id +
                R"(", "VpcId": "vpc-1", "IpPermissions": [)" + one.ingress +
                R"(], "IpPermissionsEgress": [)" + live::kEverything + "]}";
      described += comma + R"({"NetworkInterfaceId": ")" + one.id +
                   R"(", "VpcId": "vpc-1", "SubnetId": "subnet-1", "PrivateIpAddress": ")" +
                   one.address + R"(", "Groups": [{"GroupId": "sg-)" + one.id +
                   R"("}], "TagSet": [)" +
                   (one.device.empty()
                        ? ""
                        : R"({"Key": "weir:device", "Value": ")" + one.device +
                              R"("}, {"Key": "weir:netns", "Value": ")" + owner->name() + R"("})") +
                   "]}";
    }
    std::ofstream(folder / "vpc.json")
        << R"({"Vpcs": [{"VpcId": "vpc-1", "OwnerId": "123456789012", "CidrBlock": "10.0.0.0/16"}],
      "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.0.0/23",
        "AvailabilityZone": "eu-west-1a"}],
      "NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true, "Entries": [
        {"RuleNumber": 100, "Egress": true, )"
        << all << R"(}, {"RuleNumber": 100, "Egress": false, )" << all
        << R"(}]}], "SecurityGroups": [)" << groups << R"(], "NetworkInterfaces": [)" << described
        << "]}";
  }

  [[nodiscard]] base::Expected<Config> config(const std::string& more = "") const {
    std::ofstream(folder / "weir.toml")
        << "vpc = 'vpc.json'\n"
        << more
        << "\n[capacity]\nflows = 4096\nipv6-flows = 1024\nconnections = "
           "8192\n[[flow-log]]\nresource-type = 'VPC'\nresource-ids = ['vpc-1']\n"
        << "max-aggregation-interval = 60\nlog-format = '" << kFormat
        << "'\nlog-destination = 'logs'\n";
    return read_config(folder / "weir.toml");
  }

  void start(const std::string& more = "") {
    auto read = config(more);
    ASSERT_TRUE(read) << read.error().message();
    auto started = Service::start(std::move(*read), now,
                                  [this](const base::LogLine& line) { said += line.text + "\n"; });
    ASSERT_TRUE(started) << started.error().message();
    service = std::move(*started);
  }
  void tick(std::chrono::seconds later = std::chrono::seconds(1)) {
    now += later;
    const auto done = service->tick(now);
    ASSERT_TRUE(done) << done.error().message();
  }
  void stop() {
    const auto done = service->stop(now);
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(service->status().mismatches, 0U);
    service.reset();
  }
  [[nodiscard]] base::Expected<void> reload(const std::string& more = "") {
    auto read = config(more);
    if (!read) return tl::unexpected(read.error());
    return service->reload(std::move(*read), now);
  }

  /// The peer sends datagrams of 10 bytes to a port where nobody listens, and the host has looked:
  /// a veth's packets wait for the receiver's processor.
  void send(int datagrams, const char* to = "10.0.0.10") const {
    const auto unheard = [&] { return live::kernel_counts(*owner, "snmp", "Udp:", "NoPorts"); };
    const auto expected = unheard() + static_cast<std::uint64_t>(datagrams);
    const auto sender = peer->socket(SOCK_DGRAM);
    for (int i = 0; i < datagrams; ++i) {
      ASSERT_TRUE(live::send_to(sender, endpoint(to, 9), 10));
    }
    ASSERT_TRUE(live::eventually([&] { return unheard() == expected; }));
  }
  /// Returns when all that eth0 counts has been drained.
  void drain_all() {
    EXPECT_TRUE(live::eventually([&] {
      tick(std::chrono::seconds(0));
      return service->status().seen ==
             statistic("eth0", "rx_packets") + statistic("eth0", "tx_packets");
    }));
  }

  /// All records that have been published.
  [[nodiscard]] std::vector<Line> lines() const {
    std::istringstream text(
        live::run_program("find " + folder.string() + "/logs -name *.log.gz -exec gzip -dc {} +")
            .output);
    std::vector<Line> out;
    for (Line line; text >> line;) {
      if (line.interface != "interface-id") out.push_back(line);
    }
    return out;
  }
  /// Packets in the records of an interface's direction.
  [[nodiscard]] std::uint64_t recorded(const std::string& interface,
                                       const std::string& direction) const {
    std::uint64_t sum = 0;
    for (const Line& line : lines()) {
      if (line.status == "OK" && line.interface == interface && line.direction == direction) {
        sum += std::stoull(line.packets);
      }
    }
    return sum;
  }
  [[nodiscard]] std::uint64_t statistic(const std::string& device, const std::string& what) const {
    return std::stoull(owner->ask("cat /sys/class/net/" + device + "/statistics/" + what));
  }

  /// A test's clock: only the test moves it. In the middle of a window.
  base::UnixMicros now = base::aligned(base::second_of(live::now()), std::chrono::minutes(10)) +
                         std::chrono::seconds(30);
  std::filesystem::path folder;
  std::unique_ptr<Service> service;
  std::string said;  ///< by the service
};

}  // namespace weir::service
