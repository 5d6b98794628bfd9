// Everything that a program needs to call AWS, put together from its options and surroundings.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "aws/client.h"
#include "aws/credential_chain.h"
#include "aws/environment.h"
#include "aws/firehose.h"
#include "aws/logs.h"
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

  /// A service in `region`, or at the endpoint that was given for it. Where `role_arn` is not empty
  /// its calls are those of that role, which the session's credentials assume at the first call and
  /// again before it expires. What is returned is the session's own. Error: the endpoint is no URL.
  base::Expected<Logs*> logs(const std::string& region, const std::string& role_arn);
  base::Expected<Firehose*> firehose(const std::string& region, const std::string& role_arn);

 private:
  Session(Options options, Environment environment, ServiceSettings settings,
          const std::atomic<bool>* is_cancelled);

  Options options_;
  Environment environment_;
  ServiceSettings settings_;
  /// Who calls as a role.
  struct InRole {
    std::unique_ptr<CredentialsSource> credentials;
    std::unique_ptr<Client> client;
  };
  Result<Credentials> assume(const std::string& region, const std::string& role_arn);
  Client& client_of(const std::string& region, const std::string& role_arn);

  std::atomic<bool> const* is_cancelled_;
  Retries retries_;
  CurlTransport transport_;
  CurlTransport metadata_;
  std::unique_ptr<CredentialsSource> credentials_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<S3> s3_;
  std::vector<InRole> roles_;
  std::vector<std::unique_ptr<Logs>> logs_;
  std::vector<std::unique_ptr<Firehose>> firehoses_;
};

}  // namespace weir::aws
