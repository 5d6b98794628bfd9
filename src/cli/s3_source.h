// What the commands that read flow logs need of S3.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "aws/settings.h"
#include "base/descriptor.h"
#include "base/error.h"
#include "logs/s3_folder.h"
#include "logs/s3_reader.h"

namespace weir::cli {

/// The places of `--from` that are in S3. Error: one names no bucket.
base::Expected<std::vector<logs::S3Folder>> s3_folders_of(const std::vector<std::string>& from);

/// A reader with a session of its own. Error: settings that cannot be; nothing is sent.
base::Expected<std::shared_ptr<logs::S3Reader>> connect_s3(const aws::Options& options);

/// While it lives, the signal ends what the reader has under way. REQUIRES: watch_interruption().
class EndsWithInterruption {
 public:
  /// The reader outlives it.
  explicit EndsWithInterruption(logs::S3Reader& reader);
  EndsWithInterruption(const EndsWithInterruption&) = delete;
  EndsWithInterruption& operator=(const EndsWithInterruption&) = delete;
  ~EndsWithInterruption();

 private:
  base::Descriptor is_over_;
  std::thread thread_;
};

}  // namespace weir::cli
