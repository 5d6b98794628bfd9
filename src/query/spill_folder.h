// Where a query's larger intermediate results go.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace weir::query {

/// A folder of our own for what does not fit into memory; gone with its owner.
class SpillFolder {
 public:
  SpillFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) return;
    path_ = name;
    std::error_code told_when_used;
    if (std::filesystem::create_directory(path_ / "fetched", told_when_used)) {
      fetched_ = path_ / "fetched";
    }
  }
  SpillFolder(const SpillFolder&) = delete;
  SpillFolder& operator=(const SpillFolder&) = delete;
  ~SpillFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// For objects from S3: a folder that DuckDB may read; empty if there is no room for one.
  [[nodiscard]] std::filesystem::path fetched() const { return fetched_; }

 private:
  std::filesystem::path path_;
  std::filesystem::path fetched_;
};

}  // namespace weir::query
