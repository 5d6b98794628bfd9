// One object in the making.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/digest.h"
#include "base/error.h"
#include "deliver/flow_log.h"
#include "record/record.h"

namespace weir::deliver {

/// Where an object stops and a further one of the same slot begins.
struct ObjectLimits {
  /// AWS's, before packing (facts/flow-logs.md §0.1, 8).
  std::uint64_t text_bytes = 75'000'000;
  /// Rows wait in memory until a Parquet file is written; this many take about 60 MB.
  std::uint64_t parquet_records = 200'000;
};

class Object {
 public:
  virtual ~Object() = default;
  virtual base::Expected<void> add(const record::Record& record) = 0;
  [[nodiscard]] virtual bool is_full() const = 0;
  [[nodiscard]] virtual std::uint64_t records() const = 0;

  /// What `finish` made: the file's name, and what it holds.
  struct Finished {
    std::string name;
    std::uint64_t bytes = 0;
    base::Sha256 sha256;
  };
  /// Writes what is left and gives the file its final name in its folder. REQUIRES: nothing is
  /// added after it.
  virtual base::Expected<Finished> finish() = 0;
};

/// An object that is written in `folder` under ".{stem}_{part}.tmp" until it is finished. Its final
/// name is `stem`, the first eight hex digits of the SHA-256 of its bytes (where `part` is not 0:
/// of that hash and `part` in digits), and the suffix.
base::Expected<std::unique_ptr<Object>> make_object(const std::filesystem::path& folder,
                                                    const std::string& stem, std::uint64_t part,
                                                    const FlowLog& flow_log,
                                                    const ObjectLimits& limits);

}  // namespace weir::deliver
