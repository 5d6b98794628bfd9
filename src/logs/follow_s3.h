// Prefixes of S3, as objects appear there.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aws/failure.h"
#include "base/error.h"
#include "base/time.h"
#include "logs/follow.h"
#include "logs/followed_folders.h"
#include "logs/objects.h"
#include "logs/s3_folder.h"
#include "logs/s3_reader.h"

namespace weir::logs {

/// Reads what comes into followed folders. An object that AWS named is known by its key, which has
/// a hash of its content, another by its ETag too: what is replaced is read again. While S3 cannot
/// be asked, the sink is told so once, and what came meanwhile is read afterwards. So it is with a
/// single object or folder, while the others go on; what failed before is asked for after what is
/// new.
class S3Follower : public Following {
 public:
  struct Settings {
    std::vector<S3Folder> folders;
    LineReader::Columns without_header;
    Mode mode = Mode::follow;
    std::chrono::seconds interval{30};  ///< between listings
    std::function<base::UnixSeconds()> now;
  };

  /// Lists what is there. `s3` outlives it. Error: a place that was named cannot be listed.
  static base::Expected<std::unique_ptr<S3Follower>> open(S3Reader& s3, Settings settings,
                                                          LineSink& sink);

  bool read_earlier(LineSink& sink) override;
  /// What `s3` has under way when `stop` is there to be read has to be cancelled by others.
  base::Expected<void> follow(int stop, LineSink& sink) override;
  [[nodiscard]] std::size_t text_objects() const override { return text_objects_; }
  [[nodiscard]] std::size_t parquet_objects() const override { return parquet_objects_; }
  [[nodiscard]] std::vector<base::Error> unfinished() const override { return {}; }

 private:
  /// An object, by its path.
  struct Known {
    std::string etag;
    std::uint64_t listing = 0;  ///< the last one that had it
    std::uint64_t lines = 0;    ///< handed out
    bool is_done = false;
    std::optional<std::string> missed;  ///< the ETag under which it was not there to be read
    bool is_told = false;               ///< that it cannot be read, and is asked for again
  };
  enum class Reading : std::uint8_t {
    done,    ///< or the rest later
    out,     ///< S3 cannot be asked
    enough,  ///< the sink wants no more, or all is cancelled
  };

  S3Follower(S3Reader& s3, Settings settings);

  [[nodiscard]] bool is_read(const std::string& url) const;
  std::vector<Object> not_done(std::vector<Object> objects);
  Reading read_new(LineSink& sink);
  Reading read_listed(aws::Result<std::vector<Object>> listed, Problems& problems, LineSink& sink);
  Reading read(const Object& object, LineSink& sink);
  Reading fail(const Object& object, const aws::Failure& failure, Problems& problems,
               LineSink& sink);

  S3Reader& s3_;
  Settings settings_;  ///< without `folders`
  FollowedFolders folders_;
  std::map<std::string, Known> known_;
  std::vector<Object> earlier_;  ///< the newest last
  std::size_t text_objects_ = 0;
  std::size_t parquet_objects_ = 0;
  bool is_outage_told_ = false;
};

}  // namespace weir::logs
