#include "aws/credential_chain.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "aws/credential_process.h"
#include "aws/sts.h"
#include "unit/aws/scripted.h"

namespace weir::aws {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr const char* kStsAnswer =
    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"
    "<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
    "<SessionToken>t</SessionToken><Expiration>2026-11-25T14:43:07Z</Expiration></Credentials>"
    "</AssumeRoleResult></AssumeRoleResponse>";

class Chain : public testing::Test {
 public:
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;

 protected:
  Chain()
      : folder_(std::filesystem::path(testing::TempDir()) /
                (testing::UnitTest::GetInstance()->current_test_info()->name() +
                 std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_ / ".aws");
    variables_["HOME"] = folder_.string();
    variables_["AWS_REGION"] = "eu-west-1";
  }
  ~Chain() override { std::filesystem::remove_all(folder_); }

  void write(const char* name, const std::string& text) {
    std::ofstream(folder_ / ".aws" / name) << text;
  }

  /// The access key id that is found, or the error.
  std::string found(const Options& options = {}) {
    const Environment environment = environment_of(variables_);
    const auto credentials =
        find_credentials({environment, options, transport_, metadata_, clock_.clock()});
    if (!credentials) return credentials.error().error.message();
    token_ = credentials->session_token.reveal();
    expires_ = credentials->expires;
    return credentials->access_key_id;
  }

  std::filesystem::path folder_;
  std::map<std::string, std::string> variables_;
  Scripted transport_;
  Scripted metadata_;
  TestClock clock_;
  std::string token_;
  std::optional<base::UnixSeconds> expires_;
};

TEST_F(Chain, VariablesComeFirstUnlessAProfileIsGiven) {
  write("credentials", "[dev]\naws_access_key_id = AKIDDEV\naws_secret_access_key = s\n");
  variables_["AWS_ACCESS_KEY_ID"] = "AKIDENV";
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  variables_["AWS_SESSION_TOKEN"] = "t";
  variables_["AWS_PROFILE"] = "dev";
  EXPECT_EQ(found(), "AKIDENV");
  EXPECT_EQ(token_, "t");
  EXPECT_EQ(found({"dev", {}, {}, {}}), "AKIDDEV");
}

TEST_F(Chain, KeysThatWereReplacedInTheFileAreThoseOfTheNextSearch) {
  write("credentials", "[default]\naws_access_key_id = AKIDOLD\naws_secret_access_key = s\n");
  const Environment environment = environment_of(variables_);
  const Options options;
  const auto source = credentials_of({environment, options, transport_, metadata_, clock_.clock()});
  const auto old = source->get(clock_.now);
  ASSERT_TRUE(old);
  write("credentials", "[default]\naws_access_key_id = AKIDNEW\naws_secret_access_key = s\n");
  EXPECT_EQ(source->get(clock_.now)->access_key_id, "AKIDOLD") << "nobody has refused them";
  EXPECT_TRUE(source->forget(*old, clock_.now));
  EXPECT_EQ(source->get(clock_.now)->access_key_id, "AKIDNEW");
}

TEST_F(Chain, HalfAPairIsAnErrorAndNotPassedOver) {
  variables_["AWS_ACCESS_KEY_ID"] = "AKIDENV";
  EXPECT_THAT(found(), HasSubstr("AWS_SECRET_ACCESS_KEY: is not set"));
}

TEST_F(Chain, ARoleIsAssumedWithItsSourcesKeys) {
  write("config",
        "[profile prod]\nrole_arn = arn:aws:iam::123456789012:role/logs\nsource_profile = base\n"
        "external_id = 7\nduration_seconds = 900\nrole_session_name = me\n");
  write("credentials", "[base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = s\n");
  variables_["AWS_PROFILE"] = "prod";
  transport_.answer(200, kStsAnswer);
  EXPECT_EQ(found(), "ASIAROLE");
  EXPECT_EQ(token_, "t");
  EXPECT_EQ(expires_, clock_.now + std::chrono::hours(1));
  ASSERT_THAT(transport_.asked, SizeIs(1));
  EXPECT_EQ(transport_.asked[0].request.url(), "https://sts.eu-west-1.amazonaws.com/");
  EXPECT_EQ(transport_.asked[0].body,
            "Action=AssumeRole&DurationSeconds=900&ExternalId=7&"
            "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Flogs&RoleSessionName=me&"
            "Version=2011-06-15");
  EXPECT_THAT(std::string(header_of(transport_.asked[0].request.headers, "authorization")),
              HasSubstr("Credential=AKIDBASE/20261125/eu-west-1/sts/aws4_request"));
}

TEST_F(Chain, RolesWithoutEndAreAnError) {
  std::string config;
  for (int i = 0; i < 20'000; ++i) {
    const std::string next = std::to_string(i + 1);
    config +=
        "[profile p" + std::to_string(i) + "]\nrole_arn = arn\nsource_profile = p" + next + "\n";
  }
  write("config", config);
  EXPECT_THAT(found({"p0", {}, {}, {}}), HasSubstr("more roles in a row"));
  EXPECT_THAT(transport_.asked, IsEmpty());
}

TEST_F(Chain, AnEmptySettingHidesNoneOfTheOtherFile) {
  variables_.erase("AWS_REGION");
  write("credentials", "[default]\nregion =\nrole_arn =\naws_access_key_id =\n");
  write("config",
        "[default]\nregion = eu-west-3\nrole_arn = arn:a\nsource_profile = keys\nservices = none\n"
        "[services none]\nsts =\n  endpoint_url =\n"
        "[profile keys]\naws_access_key_id = AKIDKEYS\naws_secret_access_key = s\n");
  transport_.answer(200, kStsAnswer);
  EXPECT_EQ(found(), "ASIAROLE");
  ASSERT_THAT(transport_.asked, SizeIs(1));
  EXPECT_EQ(transport_.asked[0].request.url(), "https://sts.eu-west-3.amazonaws.com/");
}

TEST_F(Chain, RolesCanBeChainedButNotInACircle) {
  write("config",
        "[profile a]\nrole_arn = arn:a\nsource_profile = b\n"
        "[profile b]\nrole_arn = arn:b\nsource_profile = c\n"
        "[profile c]\naws_access_key_id = AKIDC\naws_secret_access_key = s\n"
        "[profile x]\nrole_arn = arn:x\nsource_profile = y\n"
        "[profile y]\nrole_arn = arn:y\nsource_profile = x\n");
  transport_.answer(200, kStsAnswer);
  transport_.answer(200, kStsAnswer);
  EXPECT_EQ(found({"a", {}, {}, {}}), "ASIAROLE");
  ASSERT_THAT(transport_.asked, SizeIs(2));
  EXPECT_THAT(transport_.asked[0].body, HasSubstr("RoleArn=arn%3Ab"));
  EXPECT_THAT(transport_.asked[1].body, HasSubstr("RoleArn=arn%3Aa"));
  EXPECT_THAT(found({"x", {}, {}, {}}), HasSubstr("its source_profile x leads back to it"));
}

TEST_F(Chain, AProfileMayBeItsOwnSource) {
  write("config", "[profile me]\nrole_arn = arn:r\nsource_profile = me\n");
  write("credentials", "[me]\naws_access_key_id = AKIDME\naws_secret_access_key = s\n");
  transport_.answer(200, kStsAnswer);
  EXPECT_EQ(found({"me", {}, {}, {}}), "ASIAROLE");
}

TEST_F(Chain, ASourcesOwnKeysComeBeforeItsRole) {
  write("config",
        "[profile a]\nrole_arn = arn:a\nsource_profile = b\n"
        "[profile b]\nrole_arn = arn:b\nsource_profile = c\n"
        "aws_access_key_id = AKIDB\naws_secret_access_key = s\n");
  transport_.answer(200, kStsAnswer);
  EXPECT_EQ(found({"a", {}, {}, {}}), "ASIAROLE");
  ASSERT_THAT(transport_.asked, SizeIs(1));
  EXPECT_THAT(std::string(header_of(transport_.asked[0].request.headers, "authorization")),
              HasSubstr("Credential=AKIDB/"));
}

TEST_F(Chain, ARoleHasOneSource) {
  write("config",
        "[default]\nrole_arn = arn:r\nsource_profile = default\n"
        "credential_source = Environment\n");
  EXPECT_THAT(found(), HasSubstr("has both source_profile and credential_source"));
}

TEST_F(Chain, ARoleThatIsRefusedNamesTheRole) {
  write("config", "[default]\nrole_arn = arn:r\ncredential_source = Environment\n");
  variables_["AWS_ACCESS_KEY_ID"] = "AKIDENV";
  variables_["AWS_SECRET_ACCESS_KEY"] = "very-secret";
  transport_.answer(403,
                    "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
                    "<Message>not authorized</Message></Error></ErrorResponse>");
  const std::string said = found({"default", {}, {}, {}});
  EXPECT_THAT(said, HasSubstr("assuming arn:r"));
  EXPECT_THAT(said, HasSubstr("AccessDenied: not authorized"));
  EXPECT_THAT(said, HasSubstr("trust policy"));
  EXPECT_THAT(said, Not(HasSubstr("very-secret")));
}

TEST_F(Chain, AWebIdentityIsExchangedWithoutASignature) {
  std::ofstream(folder_ / "token") << "header.payload.sig\n";
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = (folder_ / "token").string();
  variables_["AWS_ROLE_ARN"] = "arn:r";
  variables_["AWS_ENDPOINT_URL_STS"] = "http://127.0.0.1:5000";
  transport_.answer(200, kStsAnswer);
  EXPECT_EQ(found(), "ASIAROLE");
  EXPECT_EQ(transport_.asked[0].request.url(), "http://127.0.0.1:5000/");
  EXPECT_THAT(transport_.asked[0].body, HasSubstr("WebIdentityToken=header.payload.sig"));
  EXPECT_EQ(header_of(transport_.asked[0].request.headers, "authorization"), "");
}

TEST_F(Chain, AProgramGivesThem) {
  write("config",
        "[default]\ncredential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"AKIDP\", "
        "\"SecretAccessKey\": \"s\", \"Expiration\": \"2026-11-25T15:00:00.123Z\"}'\n");
  EXPECT_EQ(found(), "AKIDP");
  EXPECT_EQ(expires_, parse_iso_time("2026-11-25T15:00:00Z"));
}

TEST_F(Chain, AProgramMayTellWhenTheyExpireInAnyZone) {
  const auto expires_by = [this](const std::string& expiration) {
    write("config", R"([default]
credential_process = echo '{"Version": 1, "AccessKeyId": "AKIDP", "SecretAccessKey": "s", "Expiration": )" +
                        expiration + "}'\n");
    const std::string said = found();
    return said == "AKIDP" ? expires_ : std::nullopt;
  };
  const auto time = parse_iso_time("2026-11-25T15:00:00Z");
  ASSERT_TRUE(time);
  for (const char* same : {R"("2026-11-26T00:00:00+09:00")",
                           R"("2026-11-25T15:00:00.123456+00:00")", R"("2026-11-25T07:30:00-0730")",
                           R"("2026-11-25T16:00:00+01")", R"("2026-11-25 15:00:00z")"}) {
    EXPECT_EQ(expires_by(same), time) << same;
  }
  for (const char* none : {R"("2026-11-25T15:00:00+9")", R"("2026-11-25T15:00:00+09:60")",
                           R"("2026-11-25T15:00:00 CET")", R"("soon")", R"("")", "1795614187"}) {
    EXPECT_EQ(expires_by(none), std::nullopt) << none;
    EXPECT_THAT(found(), HasSubstr("Expiration is no time"));
  }
}

TEST_F(Chain, OfAProgramThatFailsTheProfileIsNamedAndNeitherItsArgumentsNorWhatItPrinted) {
  const std::string credentials = (folder_ / ".aws" / "credentials").string();
  const std::string config = (folder_ / ".aws" / "config").string();
  for (const char* command :
       {"false --token very-secret", "printf very-secret", "/not/there very-secret",
        "TOKEN=very-secret false", "false 'very-secret",
        R"(echo '{"AccessKeyId": "A", "SecretAccessKey": "very-secret"}')"}) {
    write("config", std::string("[default]\ncredential_process = ") + command + "\n");
    const std::string said = found();
    EXPECT_THAT(said, HasSubstr("credential_process of profile default in " + config));
    EXPECT_THAT(said, Not(HasSubstr("very-secret")));
  }
  write("credentials", "[default]\ncredential_process = false very-secret\n");
  EXPECT_THAT(found(), HasSubstr("profile default in " + credentials + ": the program failed"));
}

TEST_F(Chain, WhoCancelsDoesNotWaitForTheProgram) {
  const std::filesystem::path mark = folder_ / "begun";
  const std::string command = "sh -c 'touch \"" + mark.string() + "\"; exec sleep 600'";
  std::atomic<bool> is_cancelled = false;
  auto asked = std::async(std::launch::async, [&] {
    return credentials_of_process(command, "there", &is_cancelled, std::chrono::seconds(600));
  });
  while (!std::filesystem::exists(mark)) std::this_thread::yield();
  is_cancelled = true;
  ASSERT_EQ(asked.wait_for(std::chrono::seconds(60)), std::future_status::ready);
  const auto credentials = asked.get();
  ASSERT_FALSE(credentials);
  EXPECT_EQ(credentials.error().kind, Failure::Kind::cancelled);
}

TEST_F(Chain, AProgramThatSaysNoMoreAndDoesNotEndIsKilled) {
  const auto begin = std::chrono::steady_clock::now();
  const auto credentials = credentials_of_process("sh -c 'exec >&-; exec sleep 600'", "there",
                                                  nullptr, std::chrono::seconds(1));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  ASSERT_FALSE(credentials);
  EXPECT_THAT(credentials.error().error.message(), HasSubstr("did not end in time"));
}

TEST_F(Chain, AProgramThatPrintsWithoutEndIsKilled) {
  const auto credentials =
      credentials_of_process("cat /dev/zero", "there", nullptr, std::chrono::seconds(600));
  ASSERT_FALSE(credentials);
  EXPECT_THAT(credentials.error().error.message(), HasSubstr("more than credentials are"));
}

TEST_F(Chain, AnInstanceIsAskedByVersion2) {
  metadata_.answer(200, "TOKEN");
  metadata_.answer(200, "my-role\n");
  metadata_.answer(200, "TOKEN");
  metadata_.answer(200,
                   R"({"Code":"Success","AccessKeyId":"ASIAI","SecretAccessKey":"s","Token":"t",)"
                   R"("Expiration":"2026-11-25T20:00:00Z"})");
  EXPECT_EQ(found(), "ASIAI");
  ASSERT_THAT(metadata_.asked, SizeIs(4));
  EXPECT_EQ(metadata_.asked[0].request.method, "PUT");
  EXPECT_EQ(metadata_.asked[3].request.url(),
            "http://169.254.169.254/latest/meta-data/iam/security-credentials/my-role");
  EXPECT_EQ(header_of(metadata_.asked[3].request.headers, "x-aws-ec2-metadata-token"), "TOKEN");
}

TEST_F(Chain, AnInstanceWithoutVersion2IsNotAskedByVersion1) {
  metadata_.answer(404);
  EXPECT_THAT(found(), HasSubstr("there are no AWS credentials"));
  EXPECT_THAT(metadata_.asked, SizeIs(1));
}

TEST_F(Chain, AContainerIsAsked) {
  variables_["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/1";
  metadata_.answer(200, R"({"AccessKeyId":"ASIAC","SecretAccessKey":"s","Token":"t"})");
  EXPECT_EQ(found(), "ASIAC");
  EXPECT_EQ(metadata_.asked[0].request.url(), "http://169.254.170.2/v2/credentials/1");
}

TEST_F(Chain, AContainersTokenGoesOnlyToHostsThatMayHaveIt) {
  std::ofstream(folder_ / "token") << "abc";
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://169.254.170.23/v1/credentials";
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = (folder_ / "token").string();
  metadata_.answer(200, R"({"AccessKeyId":"ASIAC","SecretAccessKey":"s","Token":"t"})");
  EXPECT_EQ(found(), "ASIAC");
  EXPECT_EQ(header_of(metadata_.asked[0].request.headers, "authorization"), "abc");
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://example.com/";
  EXPECT_THAT(found(), HasSubstr("without TLS"));
  EXPECT_THAT(metadata_.asked, SizeIs(1));
}

TEST_F(Chain, SsoIsNotSpokenAndTheErrorSaysWhatToDo) {
  write("config", "[default]\nsso_session = corp\nsso_account_id = 123456789012\n");
  EXPECT_THAT(found(), HasSubstr("aws configure export-credentials --profile default"));
}

/// Root may read every file.
class Nobody {
 public:
  Nobody() : is_root_(geteuid() == 0) {
    constexpr uid_t kNobody = 65534;
    if (is_root_ && seteuid(kNobody) != 0) ADD_FAILURE();
  }
  ~Nobody() {
    if (is_root_ && seteuid(0) != 0) ADD_FAILURE();
  }
  Nobody(const Nobody&) = delete;
  Nobody& operator=(const Nobody&) = delete;

 private:
  bool is_root_;
};

TEST_F(Chain, AFileThatMayNotBeReadIsNamedWhereSomethingIsMissing) {
  write("config", "[profile prod]\nrole_arn = arn:r\nsource_profile = base\n");
  write("credentials", "[base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = s\n");
  const std::filesystem::path path = folder_ / ".aws" / "credentials";
  std::filesystem::permissions(path, std::filesystem::perms::none);
  variables_["AWS_EC2_METADATA_DISABLED"] = "true";
  const Nobody nobody;
  const std::string blamed =
      path.string() + ": cannot be read: Permission denied, and without it: ";
  EXPECT_EQ(found(), blamed + "there are no AWS credentials; check its permissions");
  EXPECT_THAT(found({"base", {}, {}, {}}), HasSubstr(blamed + "--profile: there is no profile"));
  EXPECT_THAT(found({"prod", {}, {}, {}}), HasSubstr(blamed + "profile prod: source_profile base"));
  variables_["AWS_ACCESS_KEY_ID"] = "AKIDENV";
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  EXPECT_EQ(found(), "AKIDENV") << "as for the AWS CLI, it counts as empty";
}

TEST_F(Chain, NothingFoundIsAnErrorThatSaysWhereToPutThem) {
  variables_["AWS_EC2_METADATA_DISABLED"] = "true";
  EXPECT_THAT(found(), HasSubstr("set AWS_ACCESS_KEY_ID"));
  EXPECT_THAT(metadata_.asked, IsEmpty());
}

}  // namespace
}  // namespace weir::aws
