#include "service/plan.h"

#include <gtest/gtest.h>

#include <string>

#include "plan_folder.h"

namespace weir::service {
namespace {

class PlanWithOtherHosts : public PlanFolder {
 protected:
  /// eni-2 has more rules than the kernel's maps hold.
  [[nodiscard]] base::Expected<std::unique_ptr<const Plan>> plan_of(
      const std::string& tags_of_eni_2) const {
    std::string blocks;
    for (int i = 0; i < 4000; ++i) {
      if (i != 0) blocks += ',';
      blocks += R"({"CidrIp": "203.)" + std::to_string(i / 250) + "." + std::to_string(i % 250) +
                R"(.0/25"})";
    }
    std::ofstream(folder_ / "vpc.json")
        << R"({"Vpcs": [{"VpcId": "vpc-1", "OwnerId": "123456789012", "CidrBlock": "10.0.0.0/16"}],
        "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.0.0/24",
          "AvailabilityZone": "eu-west-1a"}],
        "NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true}],
        "SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1"},
          {"GroupId": "sg-2", "VpcId": "vpc-1", "IpPermissions": [{"IpProtocol": "tcp",
            "FromPort": 443, "ToPort": 443, "IpRanges": [)"
        << blocks << R"(]}]}],
        "NetworkInterfaces": [
          {"NetworkInterfaceId": "eni-1", "VpcId": "vpc-1", "SubnetId": "subnet-1",
            "PrivateIpAddress": "10.0.0.10", "Groups": [{"GroupId": "sg-1"}],
            "TagSet": [{"Key": "weir:device", "Value": "eth0"}]},
          {"NetworkInterfaceId": "eni-2", "VpcId": "vpc-1", "SubnetId": "subnet-1",
            "PrivateIpAddress": "10.0.0.20", "Groups": [{"GroupId": "sg-2"}],
            "TagSet": [)"
        << tags_of_eni_2 << "]}]}";
    return Plan::make(*read_config(folder_ / "weir.toml"), nullptr);
  }
};

TEST_F(PlanWithOtherHosts, TheirRulesNeedNoRoomInTheKernel) {
  const auto plan = plan_of("");
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_EQ((*plan)->places.size(), 1);
}

TEST_F(PlanWithOtherHosts, WhereRulesFindNoRoomItIsSaidWhoseCount) {
  const auto plan = plan_of(R"({"Key": "weir:device", "Value": "eth1"})");
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().message().find("more than the kernel's 2097152"), std::string::npos);
  EXPECT_NE(plan.error().message().find("weir:device to interfaces of this host alone"),
            std::string::npos)
      << plan.error().message();
}

}  // namespace
}  // namespace weir::service
