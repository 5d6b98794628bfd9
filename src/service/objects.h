// The records of one flow log, on their way to objects in a folder, or to objects or events in the
// spool of a remote destination; either's disk may be full.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "deliver/record_writer.h"
#include "recorder/recorder.h"
#include "service/remote.h"
#include "service/report.h"

namespace weir::service {

/// Records that end in `from` up to, but not with, `to` are gone: SKIPDATA has to stand for them.
struct Loss {
  base::UnixSeconds from;
  base::UnixSeconds to;
};

/// As a sink it never fails: what cannot be written is lost, said and counted. Who asks `has_room`
/// first, and waits, loses nothing.
class Objects : public recorder::RecordSink {
 public:
  /// There is nothing to publish before `since`. Error: the destination cannot be written to.
  static base::Expected<std::unique_ptr<Objects>> open(const std::string& destination,
                                                       const deliver::FlowLog& flow_log,
                                                       base::UnixSeconds since, base::Log log);
  /// The same of a spool, which keeps account of what is lost itself.
  static base::Expected<std::unique_ptr<Objects>> open(std::shared_ptr<Remote> remote,
                                                       const deliver::FlowLog& flow_log,
                                                       base::UnixSeconds since, base::Log log);

  /// Will the destination take what is written next, as far as can be told? When that changes, it
  /// is said.
  bool has_room();
  base::Expected<void> add(const record::Record& record) override;
  base::Expected<void> completed(base::UnixSeconds time) override;
  /// Publishes slots that begin before `time`, whether they are over or not.
  void publish_early(base::UnixSeconds time) { publish(time); }
  /// Publishes what there is: all records of what was seen before `now`.
  void publish_all(base::UnixSeconds now);

  /// The clock was, to `now`: later times are yet to come, and nobody can say that they are whole.
  void set_back(base::UnixSeconds now) { whole_until_ = std::min(whole_until_, now); }

  /// What was published since the last call, at about `now`.
  std::vector<deliver::PublishedObject> take_published(base::UnixMicros now);
  /// What was lost since it was asked last; of a spool never anything.
  std::optional<Loss> take_loss();
  /// Another's loss is told as if it were its own.
  void adopt(const Loss& loss);
  /// Nothing is held, no loss waits to be taken, and none of the spool's is known in memory only.
  [[nodiscard]] bool is_published() const {
    return held_.empty() && !loss_ && (remote_ == nullptr || !remote_->spool().lost_in_memory());
  }

  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] std::uint64_t lost_records() const {
    return remote_ == nullptr ? lost_records_ : remote_->spool().status().lost_records;
  }
  /// Null: the destination is a folder.
  [[nodiscard]] const std::shared_ptr<Remote>& remote() const { return remote_; }
  [[nodiscard]] std::uint64_t published() const { return published_; }
  [[nodiscard]] const std::optional<ObjectReport>& last_object() const { return last_object_; }
  /// Why there is no room; empty while there is.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }
  /// Records of all that was seen before, or SKIPDATA for it, are published, or will be by another
  /// run, which finds in the spool what was lost.
  [[nodiscard]] base::UnixSeconds whole_until() const;

 private:
  Objects(std::unique_ptr<deliver::RecordWriter> writer, std::chrono::seconds slot,
          std::string folder, std::string id, base::UnixSeconds since, base::Log log);
  void publish(base::UnixSeconds before);
  /// Whether the writer has published something: asked after each call that may have it do so.
  bool take_fresh();
  void lose(base::UnixSeconds slot, const base::Error& why);
  [[nodiscard]] base::Expected<void> try_out() const;

  std::shared_ptr<Remote> remote_;  ///< outlives the writer
  std::unique_ptr<deliver::RecordWriter> writer_;
  std::chrono::seconds slot_;  ///< what is published at once: five minutes of objects, or a window
  std::string folder_;         ///< in which objects are written
  std::string id_;
  base::Log log_;
  base::UnixSeconds whole_until_;
  std::map<base::UnixSeconds, std::uint64_t> held_;  ///< records that are not published, by slot
  std::optional<Loss> loss_;
  bool has_failed_ = false;  ///< nothing could be written since
  std::string complaint_;    ///< why there is no room, as it was last told
  std::uint64_t records_ = 0;
  std::uint64_t lost_records_ = 0;
  std::vector<deliver::PublishedObject> fresh_;  ///< not taken yet
  std::uint64_t published_ = 0;                  ///< objects
  std::optional<ObjectReport> last_object_;
};

}  // namespace weir::service
