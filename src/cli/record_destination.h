// Where `weir record` puts its records: objects in a folder or a bucket, or events in CloudWatch
// Logs or Data Firehose.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cli/s3_options.h"
#include "deliver/delivery.h"
#include "deliver/event_destination.h"
#include "deliver/flow_log.h"
#include "deliver/log_destination.h"
#include "deliver/record_writer.h"
#include "deliver/spool.h"

namespace weir::cli {

class RecordDestination {
 public:
  /// Opens a folder, a bucket whose policy it completes as AWS does when a flow log is created, or
  /// what takes events. Errors: it cannot be written to.
  static base::Expected<std::unique_ptr<RecordDestination>> open(
      const deliver::LogDestination& destination, const deliver::FlowLog& flow_log,
      const S3Asked& s3, bool attaches_policy);
  ~RecordDestination();
  RecordDestination(const RecordDestination&) = delete;
  RecordDestination& operator=(const RecordDestination&) = delete;

  [[nodiscard]] deliver::RecordWriter& writer() { return *writer_; }
  /// Waits until all that was published is where it belongs, or the program is interrupted: once
  /// more, where the reading was already. Error: why it is not; what is not there then is kept in
  /// its files.
  base::Expected<void> finish(bool was_reading_interrupted);
  /// Whether delivering was interrupted.
  [[nodiscard]] bool was_cancelled() const { return was_cancelled_; }
  /// Tells on stderr what became of the records that were `made`. False: some of those that were
  /// written are not where they belong. REQUIRES: `finish`.
  [[nodiscard]] bool tell(std::uint64_t made);

 private:
  explicit RecordDestination(std::string name) : name_(std::move(name)) {}
  base::Expected<void> open_bucket(const deliver::FlowLog& flow_log, const S3Asked& s3,
                                   bool attaches_policy);
  base::Expected<void> open_events(const deliver::LogDestination& destination,
                                   const deliver::FlowLog& flow_log, const aws::Options& options);
  base::Expected<void> open_spool();
  void begin(std::unique_ptr<deliver::Destination> destination);
  base::Expected<void> keep_undelivered();
  [[nodiscard]] bool tell_objects(std::uint64_t made);
  [[nodiscard]] bool tell_events(std::uint64_t made);

  std::string name_;
  /// Where records are on their way elsewhere.
  std::filesystem::path folder_;
  std::optional<deliver::Spool> spool_;
  std::unique_ptr<deliver::Delivery> delivery_;
  // The delivery's:
  deliver::EventDestination* events_ = nullptr;
  bool is_of_events_ = false;
  deliver::EventTally tally_;
  std::unique_ptr<deliver::RecordWriter> writer_;
  bool was_cancelled_ = false;
  std::uint64_t undelivered_ = 0;  ///< segments that are kept as files
  bool is_spool_kept_ = false;     ///< it has what is nowhere else
};

}  // namespace weir::cli
