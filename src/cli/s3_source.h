// What the commands that read flow logs need of S3.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "aws/settings.h"
#include "base/error.h"
#include "logs/s3_folder.h"
#include "logs/s3_reader.h"

namespace weir::cli {

/// The places of `--from` that are in S3. Error: one names no bucket.
base::Expected<std::vector<logs::S3Folder>> s3_folders_of(const std::vector<std::string>& from);

/// A reader with a session of its own. Error: settings that cannot be; nothing is sent.
base::Expected<std::shared_ptr<logs::S3Reader>> connect_s3(const aws::Options& options);

}  // namespace weir::cli
