// AWS Signature Version 4, in headers. Our own, because libcurl 7.88 signs requests as they are
// written and not in canonical form, and its later releases each differ.
#pragma once

#include <optional>
#include <string>

#include "aws/request.h"
#include "aws/secret.h"
#include "base/time.h"

namespace weir::aws {

struct Credentials {
  std::string access_key_id;  ///< not secret: AWS prints it in its own errors
  Secret secret_access_key;
  Secret session_token;                      ///< empty: none
  std::optional<base::UnixSeconds> expires;  ///< none: they are for ever
  std::string origin;                        ///< for people: "environment", "profile prod"
};

/// What a signature is for.
struct Scope {
  std::string region;
  std::string
      service;  ///< "s3", whose paths are signed as they are; other services' are normalised
};

/// The steps of a signature, for those who compare them.
struct Signature {
  std::string canonical_request;
  std::string string_to_sign;
  std::string authorization;  ///< the header's value
};

/// Signs the request as it stands: every header but those that proxies and libcurl may change.
Signature signature_of(const Request& request, const Credentials& credentials, const Scope& scope,
                       base::UnixSeconds time);

/// Adds x-amz-date, x-amz-security-token, for S3 x-amz-content-sha256, and Authorization, in place
/// of any from an earlier attempt.
void sign(Request& request, const Credentials& credentials, const Scope& scope,
          base::UnixSeconds time);

/// "20150830T123600Z".
std::string amz_date(base::UnixSeconds time);

}  // namespace weir::aws
