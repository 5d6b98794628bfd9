// The folders of S3 in which objects may appear.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "aws/failure.h"
#include "base/error.h"
#include "base/time.h"
#include "logs/objects.h"
#include "logs/problems.h"
#include "logs/s3_folder.h"
#include "logs/s3_reader.h"

namespace weir::logs {

/// Lists them again and again: of AWS's days yesterday's (UTC) and all from then on, and those
/// before that could not be listed, or whose objects were not read, since they were over. A folder
/// that cannot be listed is told once, as one problem, while the others go on; the next times it is
/// `postponed`.
class FollowedFolders {
 public:
  struct Settings {
    std::vector<S3Folder> named;
    std::function<base::UnixSeconds()> now;
    /// Whether all objects below a URL, as far as they are known, have been read.
    std::function<bool(const std::string& url)> is_read;
    bool is_once = false;  ///< there will be no other listing
  };

  /// `s3` outlives it.
  FollowedFolders(S3Reader& s3, Settings settings);

  /// Everything that may be new, and some of what is not. Error: no place that was named can be
  /// listed; the first time, one cannot.
  aws::Result<std::vector<Object>> list(Problems& problems);
  /// Whether that has left out what could not be listed before, which may take minutes to fail
  /// again.
  [[nodiscard]] bool has_postponed() const { return !postponed_.empty(); }
  aws::Result<std::vector<Object>> list_postponed(Problems& problems);
  /// How often `list` was called.
  [[nodiscard]] std::uint64_t listing() const { return listing_; }

  /// Whether a place that was named can be listed now, `but` that one.
  [[nodiscard]] bool can_be_asked(const std::string& but = {});
  /// What is below a folder that could not be listed is there all the same.
  [[nodiscard]] bool is_below_unlisted(const std::string& path) const;

 private:
  /// A folder that could not be listed, which was told.
  struct Unlisted {
    std::chrono::sys_days first_day;  ///< of those below that were not listed since they were over
    std::uint64_t listing = 0;        ///< the last one that met it
    bool is_for_good = true;          ///< each time; trying again does not help by itself
  };

  aws::Result<std::vector<Object>> list_below(std::vector<S3Folder> level, Problems& problems);
  aws::Result<std::vector<S3Folder>> list_level(const std::vector<S3Folder>& folders,
                                                std::vector<Object>& objects, Problems& problems);
  void add(S3Folder folder, std::vector<S3Folder>& level);
  bool leave_out(const S3Folder& folder, const aws::Failure& failure, Problems& problems);
  [[nodiscard]] bool is_outage(const std::string& url, bool is_for_good);
  [[nodiscard]] std::chrono::sys_days first_day_of(const std::string& url) const;
  [[nodiscard]] bool is_over(const S3Folder& folder) const;

  S3Reader& s3_;
  Settings settings_;
  std::chrono::sys_days first_day_;  ///< of those that are listed wherever they lie
  std::uint64_t listing_ = 0;
  std::map<std::string, Unlisted> unlisted_;  ///< by URL
  std::vector<S3Folder> postponed_;
};

/// Whether trying again does not help.
bool is_for_good(const aws::Failure& failure);

/// For people: why something cannot be had just now.
base::Error asked_again(const aws::Failure& failure);

}  // namespace weir::logs
