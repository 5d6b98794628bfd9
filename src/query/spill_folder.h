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
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  SpillFolder(const SpillFolder&) = delete;
  SpillFolder& operator=(const SpillFolder&) = delete;
  ~SpillFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace weir::query
