// The objects that flow logs lie in, and what their keys tell of them (facts/flow-logs.md §3.1).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace weir::logs {

/// What a key tells; empty where it does not.
struct Key {
  std::string account_id;
  std::string region;
  std::string flow_log_id;
  std::optional<std::chrono::sys_days> date;
  std::optional<int> hour;                ///< UTC; from the folder, or else from the name
  std::optional<base::UnixSeconds> slot;  ///< its records' `end` lies in the five minutes from here
};

/// The names of a path's folders below AWSLogs/, from the account on. An organization, in front of
/// it in the keys of CloudTrail's trail, is left out. Nothing: no folder is called AWSLogs.
std::optional<std::vector<std::string_view>> folders_below_aws_logs(std::string_view path);

/// Reads AWS's four layouts, and file names without their folders.
Key read_key(std::string_view path);

enum class ObjectKind : std::uint8_t {
  text,
  parquet,
  unlisted,  ///< a folder below the one asked for that could not be listed: what it has is missing
};

struct Object {
  std::string path;  ///< "-": standard input
  std::string name;  ///< for people: the path, or "standard input"
  std::uint64_t bytes = 0;
  ObjectKind kind = ObjectKind::text;
  Key key;
  /// Of an object in S3, whose path is "s3://bucket/key".
  std::string etag = {};
  base::UnixSeconds modified = {};  ///< 1970 where S3 does not tell
};

/// *.log, *.gz, *.zst, *.txt and *.parquet unless hidden, and names that end in a time and a UUID,
/// as Data Firehose gives them.
bool is_named_like_a_log(std::string_view path);

ObjectKind kind_by_name(std::string_view path);

/// What can be told of an object from its path and size.
Object object_at(const std::string& path);

/// What a file is by its first bytes; text if it cannot be read.
ObjectKind kind_of(const std::string& path);

/// The objects of folders (with all below them), files, globs and "-", each once, in the order of
/// their paths. In a folder only what is named like a log counts. Error: a source that is not
/// there, or has no object.
base::Expected<std::vector<Object>> list_objects(const std::vector<std::string>& sources);

}  // namespace weir::logs
