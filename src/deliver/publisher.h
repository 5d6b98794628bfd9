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
#include "record/record.h"

namespace weir::deliver {

/// A finished object: whole, synced, under its final name or in the spool.
struct PublishedObject {
  std::string key;  ///< "AWSLogs/…/….log.gz", below the destination
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  ///< as stored
};

class Spool;

/// Writes objects under a folder. An object is written to a temporary name, synced, and renamed to
/// the name that its content decides, so that a reader never sees half an object, and the same
/// records make the same bytes under the same name.
///
/// Not for several threads at once. Destroying a publisher without `finish` leaves nothing of the
/// objects that are still open.
class Publisher {
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
  ~Publisher();

  /// Adds one record to the slot of its `end`. The record's texts are needed during the call only.
  /// After an error what could be written of the object is gone (a spool then knows what was lost);
  /// others may be added to.
  base::Expected<void> add(const record::Record& record);
  /// Publishes every open slot that ends at or before `time`. A record added later for such a slot
  /// goes into a further object of that slot.
  base::Expected<void> publish_before(base::UnixSeconds time);
  /// Publishes what is left, as much of it as can be: the first error comes back, what could be
  /// published is whole.
  base::Expected<void> finish();

  [[nodiscard]] const std::vector<PublishedObject>& published() const;
  /// The same, and forgets them.
  std::vector<PublishedObject> take_published();

 private:
  struct State;
  explicit Publisher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::deliver
