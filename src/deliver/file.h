// Files that appear whole or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/descriptor.h"
#include "base/error.h"

namespace weir::deliver {

/// What a person can do about a failed write.
base::Error write_error(const std::filesystem::path& path, const std::string& doing,
                        int error_number);

/// A file under a temporary name, to be renamed when it is complete. Destroying it before removes
/// it.
class TemporaryFile {
 public:
  /// Makes or empties the file. A leftover of a run that was killed has the same name and goes so.
  static base::Expected<TemporaryFile> create(const std::filesystem::path& path);
  TemporaryFile(TemporaryFile&& other) noexcept = default;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();

  base::Expected<void> write(std::span<const std::uint8_t> bytes);
  /// Syncs the file, gives it its final name and syncs the folder. A file of that name with the
  /// same bytes is left untouched.
  base::Expected<void> publish(const std::filesystem::path& final_path);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  TemporaryFile(std::filesystem::path path, base::Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}
  std::filesystem::path path_;
  base::Descriptor descriptor_;
};

/// Makes `folder` and what is missing above it, up to `root`, durably.
base::Expected<void> make_folders(const std::filesystem::path& root,
                                  const std::filesystem::path& folder);

}  // namespace weir::deliver
