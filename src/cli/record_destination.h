// Where `weir record` puts its objects: a folder, or a bucket.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "aws/session.h"
#include "cli/s3_options.h"
#include "deliver/publisher.h"
#include "deliver/s3_destination.h"

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
  /// Objects that did not get where they belong.
  [[nodiscard]] std::uint64_t undelivered() const {
    return bucket_ == nullptr ? 0 : bucket_->undelivered();
  }
  /// Tells where objects lie that could not be delivered.
  void print_undelivered() const;

 private:
  RecordDestination() = default;
  base::Expected<void> open_bucket(const std::string& destination, const deliver::FlowLog& flow_log,
                                   const S3Asked& s3, bool attaches_policy);

  std::unique_ptr<aws::Session> session_;
  /// Where objects are written on their way to the bucket.
  std::filesystem::path folder_;
  std::string url_;
  std::unique_ptr<deliver::S3Destination> bucket_;
  std::optional<deliver::Publisher> publisher_;
};

}  // namespace weir::cli
