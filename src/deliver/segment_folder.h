// The files of a spool (spool.h says which there are): each is made, found, read and removed here,
// and what they stand for is the spool's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/folder_lock.h"
#include "deliver/destination.h"
#include "deliver/disk.h"
#include "deliver/segment_file.h"

namespace weir::deliver {

/// `read`, `is_gone` and the paths may be asked by several threads at once.
class SegmentFolder {
 public:
  /// Makes what is missing, and takes the lock. Error: another process has it.
  static base::Expected<SegmentFolder> open(const std::filesystem::path& folder,
                                            std::unique_ptr<Disk> disk);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path path_of(std::uint64_t sequence) const;
  [[nodiscard]] std::filesystem::path state() const { return path_ / "state"; }
  [[nodiscard]] std::filesystem::path writing() const { return path_ / "writing"; }
  [[nodiscard]] std::filesystem::path damaged() const { return path_ / "damaged"; }
  [[nodiscard]] Disk& disk() const { return *disk_; }

  /// What has a segment's name, in no order.
  [[nodiscard]] base::Expected<std::vector<std::uint64_t>> sequences() const;
  /// Removes what was not sealed, and returns how many files that were.
  [[nodiscard]] base::Expected<std::size_t> empty_writing() const;

  /// Makes a file of `writing` a segment, and returns its bytes: it is on disk for good. Error: it
  /// may lie under either name, and may be on disk or not.
  [[nodiscard]] base::Expected<std::uint64_t> seal(const std::filesystem::path& file,
                                                   const Sealing& sealing,
                                                   std::uint64_t sequence) const;
  /// All of it is read. Nothing: it is damaged. Error: it cannot be read now.
  [[nodiscard]] base::Expected<std::optional<Segment>> read(std::uint64_t sequence) const;
  /// Somebody has removed it. False if it lies where the path does not lead any more: the folder
  /// was moved, its file system unmounted.
  [[nodiscard]] bool is_gone(std::uint64_t sequence) const;
  /// For good. One that is not there is removed already.
  [[nodiscard]] base::Expected<void> remove(std::uint64_t sequence) const;
  /// Moves it to `damaged`.
  [[nodiscard]] base::Expected<void> set_aside(const std::filesystem::path& file) const;

 private:
  SegmentFolder(std::filesystem::path path, std::unique_ptr<Disk> disk, base::FolderLock lock,
                base::Descriptor itself)
      : path_(std::move(path)),
        disk_(std::move(disk)),
        lock_(std::move(lock)),
        itself_(std::move(itself)) {}

  std::filesystem::path path_;
  std::unique_ptr<Disk> disk_;
  base::FolderLock lock_;
  base::Descriptor itself_;
};

/// Makes a taken segment a file of its payload again, under its key in `folder`: it may be freed
/// then. Error: it is a segment still.
base::Expected<void> unpack(const Segment& segment, const std::filesystem::path& folder);

}  // namespace weir::deliver
