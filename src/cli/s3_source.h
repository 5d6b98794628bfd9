// What the commands that read flow logs need of S3.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aws/settings.h"
#include "base/error.h"
#include "cli/command_line.h"
#include "logs/s3_folder.h"
#include "logs/s3_reader.h"

namespace weir::cli {

/// The places of `--from` that are in S3. Error: one names no bucket.
base::Expected<std::vector<logs::S3Folder>> s3_folders_of(const std::vector<std::string>& from);

/// `--cache` and its companion.
struct CacheAsked {
  std::string folder;  ///< empty: none
  std::string size = "10GB";
};

void add_cache_options(Command& command, CacheAsked& cache);

/// "500MB" or "10GB", of 1,024 each as the AWS CLI's sizes are. Error: no such size, or so little
/// that nothing could be kept.
base::Expected<std::uint64_t> cache_size_of(const std::string& size);

/// A reader with a session of its own; without a folder it has no cache. Errors: settings that
/// cannot be, a folder that cannot be made; nothing is sent.
base::Expected<std::shared_ptr<logs::S3Reader>> connect_s3(const aws::Options& options,
                                                           const std::string& cache_folder = {},
                                                           std::uint64_t cache_bytes = 0);

}  // namespace weir::cli
