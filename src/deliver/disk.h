// The file operations that the spool's promises rest on. Tests put their own in place, which fail,
// or remember what a power cut would leave.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir::deliver {

class Disk {
 public:
  virtual ~Disk() = default;
  /// Adds to the file's end, or makes it, and syncs the file (not its folder).
  virtual base::Expected<void> append_synced(const std::filesystem::path& file,
                                             std::string_view bytes);
  /// Replaces what has the new name.
  virtual base::Expected<void> rename(const std::filesystem::path& from,
                                      const std::filesystem::path& to);
  /// One that is not there is removed already.
  virtual base::Expected<void> remove(const std::filesystem::path& file);
  /// What was made, renamed or removed in it stays so.
  virtual base::Expected<void> sync_folder(const std::filesystem::path& folder);
  /// Error, of this and of reading: it cannot be read now, which says nothing of what it holds.
  virtual base::Expected<std::uint64_t> size(const std::filesystem::path& file);
  /// Fewer bytes than `count` where the file ends.
  virtual base::Expected<std::string> read(const std::filesystem::path& file, std::uint64_t offset,
                                           std::size_t count);
  /// Bytes that its file system has left for us.
  virtual base::Expected<std::uint64_t> available(const std::filesystem::path& folder);
};

}  // namespace weir::deliver
