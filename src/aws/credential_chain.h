// Looks for credentials where the AWS CLI looks, in its order.
#pragma once

#include <atomic>
#include <memory>

#include "aws/client.h"
#include "aws/environment.h"
#include "aws/settings.h"

namespace weir::aws {

/// What the search needs; all of it outlives what is found.
struct Surroundings {
  const Environment& environment;
  const Options& options;
  Transport& transport;  ///< for STS
  Transport& metadata;   ///< for containers' and instances' services
  Clock clock;
  const std::atomic<bool>* is_cancelled = nullptr;  ///< set, the search ends soon; it may be null
};

/// One search, in the files as they are now:
///   1. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, unless --profile is given;
///   2. the profile's role_arn with its source_profile or credential_source;
///   3. AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN, each of them else the profile's;
///   4. the profile's keys in the credentials file, its credential_process, its keys in the config
///      file;
///   5. the container's, then the instance's.
/// Error: there are none, or those that were found first cannot be used. A profile's SSO, which
/// comes before 4, and its login_session, before its credential_process, are not spoken: the error
/// says how to go round them.
Result<Credentials> find_credentials(const Surroundings& surroundings);

/// Searches at the first use, again before what was found expires, and when a service refuses it.
std::unique_ptr<CredentialsSource> credentials_of(Surroundings surroundings);

}  // namespace weir::aws
