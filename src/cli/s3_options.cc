#include "cli/s3_options.h"

#include <sys/prctl.h>

namespace weir::cli {

void add_s3_options(Command& command, aws::Options& options) {
  command
      .add_option("--endpoint-url", options.endpoint_url,
                  "The service's endpoint, where it is not AWS's; or AWS_ENDPOINT_URL")
      ->type_name("URL");
  command.add_option("--profile", options.profile, "Profile of ~/.aws; or AWS_PROFILE")
      ->type_name("NAME");
  command.add_option("--ca-bundle", options.ca_bundle, "Certificates to trust; or AWS_CA_BUNDLE")
      ->type_name("FILE");
}

void add_principal_option(Command& command, S3Asked& asked) {
  command
      .add_option("--delivery-principal", asked.delivery_principal,
                  "ARN of who delivers, for servers that know no service principals")
      ->type_name("ARN");
}

void keep_secrets() {
  static_cast<void>(::prctl(PR_SET_DUMPABLE, 0));
}

base::Expected<std::unique_ptr<aws::Session>> open_session(const aws::Options& options,
                                                           const std::atomic<bool>* is_cancelled) {
  keep_secrets();
  return aws::Session::open(options, aws::Environment::of_process(), is_cancelled);
}

base::Expected<deliver::S3Place> s3_place(const std::string& url, const S3Asked& asked) {
  auto place = deliver::parse_s3_place(url, "--log-destination");
  if (!place) return place;
  place->encryption = asked.encryption;
  place->kms_key_id = asked.kms_key_id;
  return place;
}

}  // namespace weir::cli
