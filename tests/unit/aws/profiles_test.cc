#include "aws/profiles.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "aws/settings.h"
#include "unit/aws/scripted.h"

namespace weir::aws {
namespace {

using testing::HasSubstr;
using testing::Not;

class Files : public testing::Test {
 public:
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

 protected:
  Files()
      : folder_(std::filesystem::path(testing::TempDir()) /
                (testing::UnitTest::GetInstance()->current_test_info()->name() +
                 std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_ / ".aws");
  }
  ~Files() override { std::filesystem::remove_all(folder_); }

  void write(const char* name, const char* text) { std::ofstream(folder_ / ".aws" / name) << text; }
  Environment environment(std::map<std::string, std::string> more = {}) {
    more["HOME"] = folder_.string();
    return environment_of(std::move(more));
  }

  std::filesystem::path folder_;
};

using Profiling = Files;

TEST_F(Profiling, WhatIsNoFileIsNamedAndEmpty) {
  const auto profiles = Profiles::read(environment({{"AWS_CONFIG_FILE", folder_.string()}}));
  ASSERT_TRUE(profiles) << profiles.error().message();
  EXPECT_TRUE(profiles->profiles.empty());
  ASSERT_TRUE(profiles->unreadable);
  EXPECT_EQ(profiles->unreadable->message(), folder_.string() + ": cannot be read: Is a directory");
}

TEST_F(Profiling, BothFilesTellOfAProfile) {
  write("config",
        "# a comment\n[default]\nregion = eu-west-1\n\n[profile  dev]\r\nregion=us-west-2\r\n"
        "s3 =\n  addressing_style = path\noutput = json\n[services local]\ns3 =\n"
        "    endpoint_url = http://127.0.0.1:9000\n");
  write("credentials", "[dev]\naws_access_key_id = AKID\naws_secret_access_key = a=b=\n");
  const auto profiles = Profiles::read(environment());
  ASSERT_TRUE(profiles) << profiles.error().message();
  const Profile* dev = profiles->find("dev");
  ASSERT_NE(dev, nullptr);
  EXPECT_EQ(dev->get("region"), "us-west-2");
  EXPECT_EQ(dev->get("s3.addressing_style"), "path");
  EXPECT_EQ(dev->get("output"), "json") << "is not indented, so not of the block before";
  EXPECT_EQ(dev->get("aws_secret_access_key"), "a=b=");
  EXPECT_EQ(profiles->find("default")->get("region"), "eu-west-1");
  EXPECT_EQ(profiles->services.at("local").at("s3.endpoint_url"), "http://127.0.0.1:9000");
}

TEST_F(Profiling, FilesThatAreNotThereAreEmpty) {
  const auto profiles = Profiles::read(environment());
  ASSERT_TRUE(profiles);
  EXPECT_TRUE(profiles->profiles.empty());
}

TEST_F(Profiling, ALineThatIsWrongIsNamedAndNotShown) {
  write("credentials", "[default]\naws_secret_access_key very-secret\n");
  const auto profiles = Profiles::read(environment());
  ASSERT_FALSE(profiles);
  EXPECT_THAT(profiles.error().where, HasSubstr("credentials:2"));
  EXPECT_THAT(profiles.error().message(), Not(HasSubstr("very-secret")));
}

TEST_F(Profiling, WhatTheClisParserRefusesIsRefused) {
  const auto said = [this](const char* text) {
    write("config", text);
    const auto profiles = Profiles::read(environment());
    return profiles ? "" : profiles.error().message().substr(folder_.string().size());
  };
  EXPECT_THAT(said("[default]\n[default]\n"), HasSubstr("config:2: [default] is there twice"));
  EXPECT_THAT(said("[default]\nregion = a\nRegion: b\n"),
              HasSubstr("config:3: its section has this setting already"));
  EXPECT_THAT(said("region = a\n"), HasSubstr("config:1: is neither"));
  EXPECT_THAT(said("[default]\ns3 =\n  path\n"), HasSubstr("config [default] s3: a line of it"));
}

TEST_F(Profiling, AValueGoesOnInLinesThatAreIndentedMore) {
  write("credentials",
        "[DEFAULT]\nregion : eu-west-1\n[a]\n  aws_session_token = one\n  output = json\n"
        "    two\n  # no\n\n     three = 3\n\n");
  const auto profiles = Profiles::read(environment());
  ASSERT_TRUE(profiles) << profiles.error().message();
  const Profile* profile = profiles->find("a");
  ASSERT_NE(profile, nullptr);
  EXPECT_EQ(profile->get("region"), "eu-west-1");
  EXPECT_EQ(profile->get("aws_session_token"), "one");
  EXPECT_EQ(profile->get("output"), "json\ntwo\n\nthree = 3");
}

TEST_F(Profiling, OptionsComeBeforeVariablesBeforeTheProfile) {
  write("config",
        "[default]\nregion = a-1\nendpoint_url = http://profile\n"
        "ca_bundle = /profile.pem\n");
  const auto found = [&](const Options& options, std::map<std::string, std::string> variables) {
    const Environment surroundings = environment(std::move(variables));
    const auto settings = ServiceSettings::find(options, surroundings).value();
    const auto endpoint = settings.endpoint("s3", options, surroundings).value();
    return settings.region + " " + (endpoint ? endpoint->url() : "aws") + " " + settings.ca_bundle;
  };
  EXPECT_EQ(found({}, {}), "a-1 http://profile /profile.pem");
  EXPECT_EQ(found({}, {{"AWS_DEFAULT_REGION", "b-1"}, {"AWS_ENDPOINT_URL", "http://all"}}),
            "b-1 http://all /profile.pem");
  EXPECT_EQ(found({}, {{"AWS_REGION", "c-1"},
                       {"AWS_DEFAULT_REGION", "b-1"},
                       {"AWS_ENDPOINT_URL_S3", "http://s3"},
                       {"AWS_ENDPOINT_URL", "http://all"},
                       {"AWS_CA_BUNDLE", "/env.pem"}}),
            "c-1 http://s3 /env.pem");
  EXPECT_EQ(found({{}, "d-1", "http://option", "/option.pem"}, {{"AWS_REGION", "c-1"}}),
            "d-1 http://option /option.pem");
  EXPECT_EQ(found({}, {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}}), "a-1 aws /profile.pem");
}

TEST_F(Profiling, AProfileThatIsNotThereIsAnError) {
  const auto settings = ServiceSettings::find({}, environment({{"AWS_PROFILE", "prod"}}));
  ASSERT_FALSE(settings);
  EXPECT_THAT(settings.error().message(), HasSubstr("AWS_PROFILE: there is no profile 'prod'"));
  EXPECT_TRUE(ServiceSettings::find({}, environment()));
  EXPECT_FALSE(ServiceSettings::find({}, environment({{"AWS_PROFILE", "default"}})));
}

TEST_F(Profiling, ARegionThatWouldBeAnotherHostIsRefused) {
  const auto settings = ServiceSettings::find({}, environment({{"AWS_REGION", "example.com/"}}));
  ASSERT_FALSE(settings);
  EXPECT_THAT(settings.error().message(), HasSubstr("region: 'example.com/' is none"));
}

}  // namespace
}  // namespace weir::aws
