// Bytes that were fetched from S3 before, in a folder on this machine.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "aws/s3.h"
#include "base/error.h"
#include "logs/objects.h"

namespace weir::logs {

/// A file for each part of an object that was asked for: a checksum, and the bytes. Its name is a
/// hash of the endpoint, the object, its ETag and size, and the part, so that what S3 has anew is
/// never answered with what it had. What was used last stays. Other files in the folder are left
/// alone, and are never read. For several threads at once, and for several programs: a file comes
/// whole, by a rename, and who has opened one may read it while another removes it.
class ObjectCache {
 public:
  /// Makes the folder where it is not there, for its owner alone. `most_bytes`: that its files may
  /// take up; each further program that fills it at the same time may exceed that by a sixteenth,
  /// or by one part. What is larger than fifteen sixteenths is not kept. Error: there is none, and
  /// it cannot be made.
  static base::Expected<std::unique_ptr<ObjectCache>> open(std::filesystem::path folder,
                                                           std::uint64_t most_bytes,
                                                           std::string endpoint);

  /// Nothing if it is not there, or damaged: that is removed.
  std::optional<std::string> get(const Object& object, aws::ByteRange part);
  /// REQUIRES: the bytes are the part's, and the object has an ETag.
  void put(const Object& object, aws::ByteRange part, std::string_view bytes);

  [[nodiscard]] std::uint64_t hits() const { return hits_; }
  [[nodiscard]] std::uint64_t bytes_hit() const { return bytes_hit_; }
  /// Why nothing more is kept: the disk is full, the folder may not be written.
  [[nodiscard]] std::optional<base::Error> failure() const;

 private:
  ObjectCache(std::filesystem::path folder, std::uint64_t most_bytes, std::string endpoint)
      : folder_(std::move(folder)), most_bytes_(most_bytes), endpoint_(std::move(endpoint)) {}

  [[nodiscard]] std::string key_of(const Object& object, aws::ByteRange part) const;
  [[nodiscard]] std::filesystem::path path_of(const std::string& key) const;
  bool make_room(std::uint64_t room);
  bool write(const std::filesystem::path& path, std::string_view head, std::string_view bytes);
  void fail(const char* doing, int error_number);

  std::filesystem::path folder_;
  std::uint64_t most_bytes_;
  std::string endpoint_;
  std::atomic<std::uint64_t> hits_ = 0;
  std::atomic<std::uint64_t> bytes_hit_ = 0;
  mutable std::mutex mutex_;      ///< of what follows, and of writing
  std::uint64_t may_be_put_ = 0;  ///< before the folder is looked at for what others put there
  std::optional<base::Error> failure_;
};

}  // namespace weir::logs
