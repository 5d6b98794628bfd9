// Files that appear whole or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "base/descriptor.h"
#include "base/error.h"

namespace weir::deliver {

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

/// What was made, renamed or removed in it stays so.
base::Expected<void> sync_folder(const std::filesystem::path& folder);

/// Makes `folder` and what is missing above it, up to `root`, durably.
base::Expected<void> make_folders(const std::filesystem::path& root,
                                  const std::filesystem::path& folder);

}  // namespace weir::deliver
