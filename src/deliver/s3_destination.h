// Objects into a bucket.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "aws/s3.h"
#include "deliver/handover.h"

namespace weir::deliver {

struct S3Place {
  std::string bucket;
  std::string prefix;      ///< without slashes at its ends; may be empty
  std::string encryption;  ///< "", "AES256", "aws:kms"
  std::string kms_key_id;

  /// The key below the bucket of what is delivered under `key`.
  [[nodiscard]] std::string key_of(const std::string& key) const {
    return prefix.empty() ? key : prefix + "/" + key;
  }
  [[nodiscard]] std::string url() const {
    return "s3://" + bucket + (prefix.empty() ? "" : "/" + prefix);
  }
};

/// Uploads one object as AWS's delivery does, with the ACL bucket-owner-full-control, and only if
/// its key is free: a key follows from the object's bytes, so that one that is taken holds them
/// already, as after an answer that was lost. That is looked at, not believed.
aws::Result<void> upload(aws::S3& s3, const S3Place& place, const std::string& key,
                         const std::filesystem::path& file);

/// Whether objects can be put there, found by putting an empty one (and removing it, if that is
/// allowed): policies are accepted by servers that then match nobody.
aws::Result<void> probe(aws::S3& s3, const S3Place& place, const std::string& account_id);

/// Uploads several objects at once, behind the back of who writes them. What cannot be delivered
/// stays in its file.
class S3Destination : public Handover {
 public:
  /// `s3` outlives it.
  S3Destination(aws::S3& s3, S3Place place, unsigned uploads_at_once = 4);
  /// Lets uploads under way end, and begins no further ones.
  ~S3Destination() override;
  S3Destination(const S3Destination&) = delete;
  S3Destination& operator=(const S3Destination&) = delete;

  base::Expected<void> take(const PublishedObject& object,
                            const std::filesystem::path& file) override;
  base::Expected<void> finish() override;

  /// Of all that was taken.
  [[nodiscard]] std::uint64_t undelivered() const;

 private:
  struct Waiting {
    std::string key;
    std::filesystem::path file;
  };
  void work();

  aws::S3& s3_;
  S3Place place_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
  std::size_t under_way_ = 0;
  std::uint64_t failed_ = 0;
  std::optional<base::Error> first_error_;
  bool is_over_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace weir::deliver
