// The folders of a bucket, and what their names tell of the flow logs below (facts/flow-logs.md
// §3.1).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "logs/objects.h"

namespace weir::logs {

/// How far the times by which a folder is named may be from its records' `end`: AWS calls them
/// those of an object's creation, which follows some minutes after (facts/flow-logs.md §3.1).
inline constexpr std::chrono::hours kFolderSlack{1};

/// All keys that begin with a prefix, before they have been listed.
struct S3Folder {
  std::string bucket;
  std::string prefix;
  /// All that is below is listed at once: AWS's folders are not, or no longer, to be expected.
  bool is_flat = false;
  /// Outside of AWS's folders: how many further down they are looked for.
  unsigned search_depth = 0;
  /// What all that is below has in common; what it does not tell may be anything.
  Key key;
  /// First and last day of a year's, a month's or a day's folder.
  std::optional<std::chrono::sys_days> first_day;
  std::optional<std::chrono::sys_days> last_day;

  [[nodiscard]] std::string url() const { return "s3://" + bucket + "/" + prefix; }
};

/// What a user named: all keys that begin with `prefix`, as `aws s3 ls --recursive` has it.
S3Folder named_s3_folder(const std::string& bucket, const std::string& prefix);

/// The folder of one of the prefixes that listing `above` told of.
S3Folder s3_folder_below(const S3Folder& above, const std::string& prefix);

}  // namespace weir::logs
