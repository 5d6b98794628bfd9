// A plan of one flow log, whose interfaces are eni-1 and eni-2, and what lies in its folder.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/input.h"
#include "service/plan.h"

namespace weir::service {

/// At the beginning of an hour.
constexpr base::UnixSeconds kStart{std::chrono::seconds(1'795'474'800)};

class PlanFolder : public ::testing::Test {
 public:
  PlanFolder(const PlanFolder&) = delete;
  PlanFolder& operator=(const PlanFolder&) = delete;

 protected:
  PlanFolder()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                ("weir-plan-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
    plan_ = make_plan();
  }
  ~PlanFolder() override { std::filesystem::remove_all(folder_); }

  /// `more` is of the flow log.
  [[nodiscard]] std::unique_ptr<const Plan> make_plan(
      const std::string& id = "fl-0123abcd",
      const std::string& more = "log-destination = 'logs'") const {
    std::string interfaces;
    for (const std::string number : {"1", "2"}) {
      if (!interfaces.empty()) interfaces += ',';
      interfaces += R"({"NetworkInterfaceId": "eni-)";
      interfaces += number;
      interfaces += R"(", "VpcId": "vpc-1", "SubnetId": "subnet-1", "PrivateIpAddress": "10.0.0.)";
      interfaces += number;
      interfaces += R"(0", "Groups": [{"GroupId": "sg-1"}],
                    "TagSet": [{"Key": "weir:device", "Value": "eth)";
      interfaces += number;
      interfaces += R"("}]})";
    }
    std::ofstream(folder_ / "vpc.json")
        << R"({"Vpcs": [{"VpcId": "vpc-1", "OwnerId": "123456789012", "CidrBlock": "10.0.0.0/16"}],
        "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.0.0/24",
          "AvailabilityZone": "eu-west-1a"}],
        "NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true,
          "Entries": []}],
        "SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1"}], "NetworkInterfaces": [)"
        << interfaces << "]}";
    std::ofstream(folder_ / "weir.toml") << "vpc = 'vpc.json'\n" << flow_log(id, more);
    auto config = read_config(folder_ / "weir.toml");
    EXPECT_TRUE(config) << config.error().message();
    auto plan = Plan::make(std::move(*config), nullptr);
    EXPECT_TRUE(plan) << plan.error().message();
    return std::move(*plan);
  }

  [[nodiscard]] static std::string flow_log(const std::string& id, const std::string& more) {
    return "[[flow-log]]\nresource-ids = ['vpc-1']\nmax-aggregation-interval = 60\n"
           "log-format = '${interface-id} ${start} ${srcport} ${log-status}'\nflow-log-id = '" +
           id + "'\n" + more + "\n";
  }

  [[nodiscard]] std::string logs() const { return (folder_ / "logs").string(); }
  /// A file in the folder's place: nothing can be written.
  void break_folder(const std::string& name) const {
    std::filesystem::rename(folder_ / name, folder_ / (name + "-before"));
    std::ofstream(folder_ / name) << "no folder";
  }
  void mend_folder(const std::string& name) const {
    std::filesystem::remove(folder_ / name);
    std::filesystem::rename(folder_ / (name + "-before"), folder_ / name);
  }
  void break_logs() const { break_folder("logs"); }
  void mend_logs() const { mend_folder("logs"); }

  /// All records that were published, without their headers.
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(logs())) {
      if (!entry.path().string().ends_with(".log.gz")) continue;
      std::istringstream text(unpacked(entry.path().string()));
      std::string line;
      std::getline(text, line);
      while (std::getline(text, line)) out.push_back(line);
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  /// "2 OK" is a record of the interface that starts two minutes after kStart.
  [[nodiscard]] std::vector<std::string> told(const std::string& interface) const {
    std::vector<std::string> out;
    for (const std::string& line : lines()) {
      std::istringstream words(line);
      std::string of;
      std::int64_t start = 0;
      std::string srcport;
      std::string status;
      words >> of >> start >> srcport >> status;
      const auto minute = (start - kStart.time_since_epoch().count()) / 60;
      if (of == interface) out.push_back(std::to_string(minute) + " " + status);
    }
    return out;
  }

  /// A packet to eni-1.
  [[nodiscard]] static live::DrainedFlow flow_at(base::UnixMicros time, std::uint16_t srcport) {
    live::DrainedFlow flow;
    flow.direction = vpc::Direction::ingress;
    flow.src = *base::Address::parse("203.0.113.1");
    flow.dst = *base::Address::parse("10.0.0.10");
    flow.srcport = srcport;
    flow.protocol = WEIR_UDP;
    flow.first = flow.last = time;
    flow.counters.accept = 1;
    flow.counters.packets = 1;
    return flow;
  }
  [[nodiscard]] vpc::InterfaceIndex eni_1() const {
    return *plan_->network.find_interface("eni-1");
  }

  base::Log log() {
    return [this](const base::LogLine& line) { said_ += line.text + "\n"; };
  }

  std::filesystem::path folder_;
  std::unique_ptr<const Plan> plan_;
  std::string said_;

 private:
  static std::string unpacked(const std::string& path) {
    auto file = base::open_file(path);
    EXPECT_TRUE(file);
    auto input = base::unpacked(std::move(*file));
    EXPECT_TRUE(input);
    std::string out;
    std::array<std::uint8_t, 4096> bytes{};
    for (auto size = (*input)->read(bytes); size && *size != 0; size = (*input)->read(bytes)) {
      out.append(reinterpret_cast<const char*>(bytes.data()), *size);
    }
    return out;
  }
};

}  // namespace weir::service
