// Parquet objects as files, which is what DuckDB reads.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aws/s3.h"
#include "base/error.h"
#include "logs/objects.h"
#include "logs/s3_reader.h"
#include "query/duck.h"
#include "query/parquet_chunks.h"
#include "query/schema.h"

namespace weir::query {

/// Of those of S3 only what is needed is fetched, once, into a folder of ours: a file as long as
/// the object, with holes where nothing is needed. A hole is zeros, with which no page begins, so
/// that reading a column that is not there is an error and never a row.
class ParquetFiles {
 public:
  /// `s3` may be null, and outlives it; `folder` is there, or empty: then nothing can be fetched.
  ParquetFiles(logs::S3Reader* s3, std::filesystem::path folder)
      : s3_(s3), folder_(std::move(folder)) {}

  /// Fetches the footers of what `of` is going to be asked for, several at once; the whole of what
  /// is small, and of all if every column is wanted.
  void fetch(const std::vector<const logs::Object*>& objects, const ColumnNames& wanted);

  /// An object and its fields, as its footer has them.
  struct Described {
    const logs::Object* object = nullptr;
    std::vector<std::string> fields;
  };
  /// Fetches the columns that are wanted, or the whole of an object whose footer does not tell
  /// where they are. Returns the objects that could not be had: `of` says why. REQUIRES: `fetch`.
  std::vector<const logs::Object*> fetch_columns(const Duck& duck,
                                                 const std::vector<Described>& objects,
                                                 const ColumnNames& wanted);

  /// The object as a file: its path is what DuckDB can open, its name stays. Error: it could not be
  /// fetched. REQUIRES: it was.
  [[nodiscard]] base::Expected<logs::Object> of(const logs::Object& object) const;

  /// That came; another thread may ask.
  [[nodiscard]] std::uint64_t bytes_fetched() const { return bytes_fetched_; }

 private:
  struct File {
    std::string path;
    std::optional<base::Error> error;  ///< it cannot be had
    bool is_whole = false;
    std::set<std::string> fields;  ///< whose columns are there
  };
  struct Part {
    const logs::Object* object = nullptr;
    File* file = nullptr;
    aws::ByteRange range;
  };

  File make(const logs::Object& object) const;
  static void add_parts(const Part& part, std::vector<Part>& parts);
  void add_metadata(const Part& footer, std::vector<Part>& parts) const;
  void get(const std::vector<Part>& parts);
  base::Expected<void> get(const Part& part);
  base::Expected<void> get_at_once(const Part& part);
  base::Expected<void> keep(const Part& part, const std::string& bytes);
  void get_whole(const std::vector<const logs::Object*>& objects);

  logs::S3Reader* s3_;
  std::filesystem::path folder_;
  std::map<std::string, File> files_;  ///< by the object's path
  std::mutex mutex_;                   ///< of errors, and of getting an object at once
  std::atomic<std::uint64_t> bytes_fetched_ = 0;
};

}  // namespace weir::query
