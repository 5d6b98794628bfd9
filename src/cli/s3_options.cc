#include "cli/s3_options.h"

#include <sys/prctl.h>

namespace weir::cli {

void add_s3_options(Command& command, S3Asked& asked) {
  command
      .add_option("--endpoint-url", asked.options.endpoint_url,
                  "S3's endpoint, where it is not AWS's; or AWS_ENDPOINT_URL")
      ->type_name("URL");
  command.add_option("--profile", asked.options.profile, "Profile of ~/.aws; or AWS_PROFILE")
      ->type_name("NAME");
  command
      .add_option("--ca-bundle", asked.options.ca_bundle, "Certificates to trust; or AWS_CA_BUNDLE")
      ->type_name("FILE");
}

void add_principal_option(Command& command, S3Asked& asked) {
  command
      .add_option("--delivery-principal", asked.delivery_principal,
                  "ARN of who delivers, for servers that know no service principals")
      ->type_name("ARN");
}

base::Expected<std::unique_ptr<aws::Session>> open_session(const S3Asked& asked) {
  static_cast<void>(::prctl(PR_SET_DUMPABLE, 0));
  return aws::Session::open(asked.options, aws::Environment::of_process(), nullptr);
}

base::Expected<deliver::S3Place> s3_place(const std::string& url, const S3Asked& asked) {
  auto name = aws::parse_s3_url(url, "--log-destination");
  if (!name) return tl::unexpected(name.error());
  std::string& prefix = name->key;
  while (prefix.ends_with('/')) prefix.pop_back();
  if (prefix.starts_with('/') || prefix.find("//") != std::string::npos) {
    return base::fail("--log-destination", "the prefix has an empty folder name",
                      "write one slash only between its parts");
  }
  if (prefix == "AWSLogs" || prefix.starts_with("AWSLogs/")) {
    return base::fail("--log-destination", "the prefix AWSLogs is reserved",
                      "Weir adds AWSLogs/ itself: leave it away, or choose another prefix");
  }
  return deliver::S3Place{name->bucket, std::move(prefix), asked.encryption, asked.kms_key_id};
}

}  // namespace weir::cli
