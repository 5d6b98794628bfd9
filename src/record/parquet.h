// Records as Parquet files, with AWS's column types and GZIP as the codec (facts/flow-logs.md
// §3.2).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "record/log_format.h"
#include "record/record.h"

namespace weir::record {

/// Collects records and writes them as one file. Columns are the format's fields with `_` for `-`;
/// what prints as `-` is NULL in number columns and the text "-" in text columns, as in AWS's own
/// files. DuckDB does the writing, with one thread: the same records make the same bytes.
class ParquetWriter {
 public:
  static base::Expected<ParquetWriter> make(const LogFormat& format);
  ParquetWriter(ParquetWriter&&) noexcept;
  ParquetWriter& operator=(ParquetWriter&&) noexcept;
  ~ParquetWriter();

  base::Expected<void> add(const Record& record);
  [[nodiscard]] std::uint64_t records() const;
  /// Writes what was added to `path`, over what may be there, and starts anew with no records. The
  /// file is not synced. Error: the file cannot be written; the records are gone then.
  base::Expected<void> write(const std::string& path);

 private:
  struct State;
  explicit ParquetWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::record
