#include "cli/service_source.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "service/config.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

class ServiceSourceTest : public ::testing::Test {
 protected:
  ServiceSourceTest() {
    std::string name = (fs::temp_directory_path() / "weir-cli-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~ServiceSourceTest() override { fs::remove_all(folder_); }

  [[nodiscard]] fs::path config(const std::string& name, const std::string& socket) const {
    const fs::path path = folder_ / name;
    std::ofstream(path) << "vpc = \"vpc.json\"\nsocket = \"" << socket << "\"\n"
                        << "[[flow-log]]\nresource-type = \"VPC\"\nresource-ids = [\"vpc-1\"]\n"
                        << "log-destination = \"logs\"\n";
    return path;
  }

  fs::path folder_;
};

TEST_F(ServiceSourceTest, WithoutAnOptionTheSystemsConfigurationTellsSocketAndNetwork) {
  const fs::path system = config("system.toml", "its.sock");
  const auto place = place_of({}, system);
  ASSERT_TRUE(place) << place.error().message();
  EXPECT_EQ(place->socket, folder_ / "its.sock");
  EXPECT_EQ(place->vpc, folder_ / "vpc.json");
}

TEST_F(ServiceSourceTest, WithoutAConfigurationItIsTheDefaultSocket) {
  const fs::path system = folder_ / "none.toml";
  const auto place = place_of({}, system);
  ASSERT_TRUE(place) << place.error().message();
  EXPECT_EQ(place->socket, service::default_socket(system));
}

TEST_F(ServiceSourceTest, WhatIsNamedGoesBeforeTheSystems) {
  const fs::path system = config("system.toml", "its.sock");
  const std::string mine = config("mine.toml", "mine.sock");
  EXPECT_EQ(place_of({mine, ""}, system)->socket, folder_ / "mine.sock");
  EXPECT_EQ(place_of({"", "named.sock"}, system)->socket, "named.sock");
}

TEST_F(ServiceSourceTest, ASystemsConfigurationThatIsWrongIsSaid) {
  const fs::path system = folder_ / "system.toml";
  std::ofstream(system) << "no such key = 1\n";
  EXPECT_FALSE(place_of({}, system));
}

}  // namespace
}  // namespace weir::cli
