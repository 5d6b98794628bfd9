// Region, endpoint, certificates: what the AWS CLI reads from its options, variables and files.
#pragma once

#include <optional>
#include <string>

#include "aws/environment.h"
#include "aws/profiles.h"
#include "aws/request.h"

namespace weir::aws {

/// What the command line says; "" is not given.
struct Options {
  std::string profile;       ///< --profile
  std::string region;        ///< --region
  std::string endpoint_url;  ///< --endpoint-url
  std::string ca_bundle;     ///< --ca-bundle
};

/// What is asked of services, found in the CLI's order: option, variable, profile.
struct ServiceSettings {
  std::string profile_name = "default";
  bool is_profile_given = false;  ///< by option: then keys in variables do not count
  Profiles profiles;
  std::string region;     ///< "" if nobody says
  std::string ca_bundle;  ///< "": the system's
  std::string ca_bundle_origin;
  int attempts = 0;  ///< AWS_MAX_ATTEMPTS, max_attempts; 0: nobody says

  /// Errors: a profile that is named and not there; a file that is wrong; what can be no region.
  static base::Expected<ServiceSettings> find(const Options& options,
                                              const Environment& environment);

  /// Of the profile; "" if it has none.
  [[nodiscard]] std::string get(std::string_view name) const;

  /// The endpoint that somebody gave for a service ("s3", "cloudwatch_logs", "sts"), unless
  /// AWS_IGNORE_CONFIGURED_ENDPOINT_URLS says to use AWS's.
  [[nodiscard]] base::Expected<std::optional<Endpoint>> endpoint(
      const std::string& service, const Options& options, const Environment& environment) const;
  /// The same; where nobody gave one AWS's in `in_region`, whose host begins with `host`.
  [[nodiscard]] base::Expected<Endpoint> endpoint_in(const std::string& in_region,
                                                     const std::string& service, const char* host,
                                                     const Options& options,
                                                     const Environment& environment) const;
};

/// "s3.us-east-1.amazonaws.com", in China under amazonaws.com.cn.
std::string aws_host(const std::string& service, const std::string& region);

}  // namespace weir::aws
