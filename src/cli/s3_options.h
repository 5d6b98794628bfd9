// The options of commands that speak to AWS's services, and the session that they make.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "aws/session.h"
#include "cli/command_line.h"
#include "deliver/bucket_policy.h"
#include "deliver/s3_destination.h"

namespace weir::cli {

struct S3Asked {
  aws::Options options;
  std::string encryption;
  std::string kms_key_id;
  std::string delivery_principal;
};

/// --endpoint-url, --profile, --ca-bundle, as the AWS CLI has them.
void add_s3_options(Command& command, aws::Options& options);
/// --delivery-principal.
void add_principal_option(Command& command, S3Asked& asked);

/// The program's memory is nobody's from here on: no core dumps, no debugger of others.
void keep_secrets();

/// Opens a session; secrets stay out of core dumps from here on. `is_cancelled`: as Session has it.
base::Expected<std::unique_ptr<aws::Session>> open_session(
    const aws::Options& options, const std::atomic<bool>* is_cancelled = nullptr);

/// The bucket and the prefix without slashes at its ends. Error: no such URL.
base::Expected<deliver::S3Place> s3_place(const std::string& url, const S3Asked& asked);

}  // namespace weir::cli
