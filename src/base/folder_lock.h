// A folder that one process has at a time.
#pragma once

#include <filesystem>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"

namespace weir::base {

/// Held as long as it lives; the kernel gives it back when the process ends, however it ends.
class FolderLock {
 public:
  FolderLock() = default;
  /// By a file `lock` there, which stays. Errors: it cannot be made; `in_use`: another has it.
  static Expected<FolderLock> take(const std::filesystem::path& folder, Error in_use);

 private:
  explicit FolderLock(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

}  // namespace weir::base
