// What a service knows of itself after it was killed: up to when each flow log is whole, and what
// it has left in the kernel.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/folder_lock.h"
#include "base/time.h"
#include "live/hook.h"

namespace weir::service {

struct Remembered {
  /// By flow log: all that was recorded before is in published objects.
  std::map<std::string, base::UnixSeconds> whole_until;
  /// What does not go with the process.
  std::vector<live::Remains> remains;

  friend bool operator==(const Remembered&, const Remembered&) = default;
};

/// A folder for one service at a time.
class StateFolder {
 public:
  /// Makes it if need be. Errors: it cannot be written to; another service is at work there.
  static base::Expected<StateFolder> open(const std::filesystem::path& path);

  /// Nothing, if nothing was ever written. Error: what is there is not what was written.
  [[nodiscard]] base::Expected<Remembered> read() const;
  /// Whole or not at all, also when the power fails; what is there already is not written again.
  base::Expected<void> write(const Remembered& remembered);

 private:
  StateFolder(std::filesystem::path path, base::FolderLock lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  [[nodiscard]] std::filesystem::path file() const { return path_ / "state.json"; }

  std::filesystem::path path_;
  base::FolderLock lock_;
  std::optional<Remembered> written_;
};

}  // namespace weir::service
