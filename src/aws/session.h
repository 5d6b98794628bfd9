// Everything that a command needs to call S3, put together from its options and surroundings.
#pragma once

#include <atomic>
#include <memory>

#include "aws/client.h"
#include "aws/credential_chain.h"
#include "aws/environment.h"
#include "aws/s3.h"
#include "aws/settings.h"

namespace weir::aws {

class Session {
 public:
  /// Credentials are looked for when the first request is made. `is_cancelled` may be null, and
  /// outlives the session. Errors: settings that cannot be; nothing is sent.
  static base::Expected<std::unique_ptr<Session>> open(Options options, Environment environment,
                                                       const std::atomic<bool>* is_cancelled);

  [[nodiscard]] S3& s3() { return *s3_; }

 private:
  Session(Options options, Environment environment, ServiceSettings settings,
          const std::atomic<bool>* is_cancelled);

  Options options_;
  Environment environment_;
  ServiceSettings settings_;
  CurlTransport transport_;
  CurlTransport metadata_;
  std::unique_ptr<CredentialsSource> credentials_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<S3> s3_;
};

}  // namespace weir::aws
