// Records into AWS's objects: one or more per five minutes of the records' `end`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "deliver/flow_log.h"
#include "deliver/object.h"
#include "deliver/record_writer.h"

namespace weir::deliver {

class Spool;

/// Writes objects under a folder. An object is written to a temporary name, synced, and renamed to
/// the name that its content decides, so that a reader never sees half an object, and the same
/// records make the same bytes under the same name.
///
/// Destroying a publisher without `finish` leaves nothing of the
/// objects that are still open.
class Publisher : public RecordWriter {
 public:
  /// Errors: settings that AWS would refuse; the folder cannot be made.
  static base::Expected<Publisher> open(const std::string& folder, FlowLog flow_log,
                                        ObjectLimits limits = {});
  /// Writes objects into a spool, which seals each when it is finished. `first_part` is mixed into
  /// the names, if it is not 0: another run that has the same bytes of the same minutes, which may
  /// be others' packets, then has another number.
  static base::Expected<Publisher> open(Spool& spool, FlowLog flow_log,
                                        std::uint64_t first_part = 0, ObjectLimits limits = {});

  Publisher(Publisher&&) noexcept;
  Publisher& operator=(Publisher&&) noexcept;
  ~Publisher() override;

  /// Adds one record to the slot of its `end`.
  base::Expected<void> add(const record::Record& record) override;
  /// Publishes every open slot that ends at or before `time`. A record added later for such a slot
  /// goes into a further object of that slot.
  base::Expected<void> publish_before(base::UnixSeconds time) override;
  base::Expected<void> finish() override;

  std::vector<PublishedObject> take_published() override;

 private:
  struct State;
  explicit Publisher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::deliver
