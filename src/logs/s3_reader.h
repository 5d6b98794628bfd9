// Flow logs in S3: what there is, and its bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "aws/s3.h"
#include "base/input.h"
#include "logs/object_cache.h"
#include "logs/objects.h"
#include "logs/read_ahead.h"
#include "logs/s3_folder.h"

namespace weir::logs {

/// What lies in a folder: objects that are named like logs, and folders to be listed in turn.
struct S3Listing {
  std::vector<Object> objects;
  std::vector<S3Folder> folders;
};

/// For several threads at once.
class S3Reader {
 public:
  /// Both outlive it. `is_cancelled` is the one at which requests of `s3` end. `cache` may be null.
  S3Reader(aws::S3& s3, std::atomic<bool>& is_cancelled,
           std::unique_ptr<ObjectCache> cache = nullptr);
  S3Reader(const S3Reader&) = delete;
  S3Reader& operator=(const S3Reader&) = delete;
  ~S3Reader() { cancel(); }

  /// What lies in the folder itself; with `is_wanted_whole` all that lies below it, too, and no
  /// folders, if that is no more than one request tells.
  aws::Result<S3Listing> list(const S3Folder& folder, bool is_wanted_whole = false);

  /// A part of an object, which ends with the object at the latest, so long as it is the one that
  /// was listed; from the cache where that has it.
  aws::Result<std::string> get(const Object& object, aws::ByteRange part);

  /// Fetches objects ahead of who reads them.
  [[nodiscard]] ReadAhead& ahead() { return ahead_; }

  /// Ends all that is under way, and what comes, with an error; it does not wait.
  void cancel();
  /// What kept an object from being had, and keeps others too.
  [[nodiscard]] std::optional<base::Error> failure() const;
  /// Nothing has been had of any object, and access to one was denied.
  [[nodiscard]] std::optional<base::Error> denied() const;
  [[nodiscard]] const aws::Traffic& traffic() const { return s3_.traffic(); }
  /// Null: there is none.
  [[nodiscard]] const ObjectCache* cache() const { return cache_.get(); }

 private:
  aws::Result<void> add_page(const S3Folder& folder, aws::ListRequest& request, S3Listing& listing);
  aws::Result<std::string> fetch(const Object& object, aws::ByteRange part);
  void note(const aws::Result<std::string>& bytes);

  aws::S3& s3_;
  std::atomic<bool>& is_cancelled_;
  std::unique_ptr<ObjectCache> cache_;
  mutable std::mutex mutex_;
  std::optional<base::Error> failure_;
  std::optional<base::Error> denied_;
  bool has_read_ = false;
  ReadAhead ahead_;
};

inline bool is_in_s3(const Object& object) {
  return object.path.starts_with("s3://");
}

/// Whether it is for one object's sake that it cannot be had, so that others may be; else it is for
/// the caller's or the server's.
bool is_of_one_object(const aws::Failure& failure);

/// For people: with a next step that fits reading.
base::Error told_by_s3(const aws::Failure& failure);

}  // namespace weir::logs
