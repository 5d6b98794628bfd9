// The objects that an engine may read: those that it was given, and those of S3 as far as queries
// need to know them.
#pragma once

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "logs/objects.h"
#include "logs/problems.h"
#include "logs/s3_folder.h"
#include "query/duck.h"
#include "query/settings.h"

namespace weir::query {

class ObjectList {
 public:
  /// Both outlive it. What is missing because it cannot be listed is told to `problems`.
  ObjectList(Settings& settings, logs::Problems& problems);

  [[nodiscard]] const std::vector<logs::Object>& all() const { return objects_; }

  /// Lists what lies in S3 and `sql` may need: folder by folder, from the top down, those that it
  /// cannot need are left out; an account's all at once where it needs all and one request tells.
  /// `sql`: as push_down takes it. Error: a place that the user named
  /// cannot be listed, or holds no object; the caller's credentials.
  base::Expected<void> list_for(const Duck& duck, const std::string& sql);

  /// May be asked by another thread.
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  /// What is not listed yet of a place that the user named.
  struct Pending {
    logs::S3Folder folder;
    std::size_t place = 0;
    bool is_named = false;         ///< it is that place itself
    bool is_wanted_whole = false;  ///< all that is below it is needed: one request may tell of it
    bool is_larger = false;        ///< one request did not tell of all that is above it
  };

  void add(logs::Object object);
  base::Expected<std::vector<Pending>> take_needed(const Duck& duck, const std::string& sql);
  base::Expected<void> list(const std::vector<Pending>& folders);
  base::Expected<void> check_places() const;

  Settings& settings_;
  logs::Problems& problems_;
  std::vector<logs::Object> objects_;
  std::set<std::string> paths_;  ///< of those in S3: places may overlap
  std::vector<Pending> pending_;
  std::vector<bool> has_object_;  ///< of each place
  std::atomic<std::size_t> count_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
};

}  // namespace weir::query
