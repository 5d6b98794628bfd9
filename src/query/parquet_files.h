// Parquet objects as files, which is what DuckDB reads.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "logs/objects.h"
#include "logs/s3_reader.h"

namespace weir::query {

/// Those of S3 are fetched whole, once, into a folder of ours.
class ParquetFiles {
 public:
  /// `s3` may be null, and outlives it; `folder` is there, or empty: then nothing can be fetched.
  ParquetFiles(logs::S3Reader* s3, std::filesystem::path folder)
      : s3_(s3), folder_(std::move(folder)) {}

  /// Fetches what `of` is going to be asked for, several at once.
  void fetch(const std::vector<const logs::Object*>& objects);

  /// The object as a file: its path is what DuckDB can open, its name stays. Error: it could not be
  /// fetched. REQUIRES: it was.
  [[nodiscard]] base::Expected<logs::Object> of(const logs::Object& object) const;

 private:
  base::Expected<std::string> fetch(const logs::Object& object, std::size_t number) const;

  logs::S3Reader* s3_;
  std::filesystem::path folder_;
  std::map<std::string, base::Expected<std::string>> paths_;  ///< by the object's
};

}  // namespace weir::query
