// Where `weir record` puts its objects: a folder, or a bucket.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "cli/s3_options.h"
#include "deliver/delivery.h"
#include "deliver/publisher.h"
#include "deliver/spool.h"

namespace weir::cli {

class RecordDestination {
 public:
  /// Opens a folder, or a bucket whose policy it completes as AWS does when a flow log is created.
  /// Errors: it cannot be written to.
  static base::Expected<std::unique_ptr<RecordDestination>> open(const std::string& destination,
                                                                 const deliver::FlowLog& flow_log,
                                                                 const S3Asked& s3,
                                                                 bool attaches_policy);
  ~RecordDestination();
  RecordDestination(const RecordDestination&) = delete;
  RecordDestination& operator=(const RecordDestination&) = delete;

  [[nodiscard]] deliver::Publisher& publisher() { return *publisher_; }
  /// Waits until all that was published is where it belongs. Error: why it is not; what is not
  /// there then is kept in its files.
  base::Expected<void> finish();
  /// Objects that did not get where they belong. REQUIRES: `finish`.
  [[nodiscard]] std::uint64_t undelivered() const { return undelivered_; }
  /// Tells where those lie.
  void print_undelivered() const;

 private:
  RecordDestination() = default;
  base::Expected<void> open_bucket(const std::string& destination, const deliver::FlowLog& flow_log,
                                   const S3Asked& s3, bool attaches_policy);
  void keep_undelivered();

  /// Where objects are on their way to the bucket.
  std::filesystem::path folder_;
  std::string url_;
  std::optional<deliver::Spool> spool_;
  std::unique_ptr<deliver::Delivery> delivery_;
  std::optional<deliver::Publisher> publisher_;
  std::uint64_t undelivered_ = 0;
};

}  // namespace weir::cli
