// Records into AWS's objects: one or more per five minutes of the records' `end`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "deliver/flow_log.h"
#include "record/record.h"

namespace weir::deliver {

/// A finished object: whole, synced, under its final name.
struct PublishedObject {
  std::string key;  ///< "AWSLogs/…/….log.gz", below the destination
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  ///< as stored
};

/// Writes objects under a directory. An object is written to a temporary name, synced, and renamed
/// to the name that its content decides, so that a reader never sees half an object and the same
/// records make the same bytes under the same name.
///
/// Not for several threads at once. Destroying a publisher without `finish` leaves no final object
/// for the slots that are still open.
class Publisher {
 public:
  /// Errors: the directory cannot be made or written.
  static base::Expected<Publisher> open(const std::string& directory, FlowLog flow_log);

  Publisher(Publisher&&) noexcept;
  Publisher& operator=(Publisher&&) noexcept;
  ~Publisher();

  /// Adds one record to the slot of its `end`. The record is formatted before the call returns.
  base::Expected<void> add(const record::Record& record);
  /// Publishes every open slot that ends at or before `time`. A record added later for such a slot
  /// goes into a further object of that slot.
  base::Expected<void> publish_before(base::UnixSeconds time);
  /// Publishes what is left. After an error the objects published so far are whole and stay.
  base::Expected<void> finish();

  [[nodiscard]] const std::vector<PublishedObject>& published() const;

 private:
  struct State;
  explicit Publisher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::deliver
