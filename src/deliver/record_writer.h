// What takes the records of a flow log, and makes files or segments of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "record/record.h"

namespace weir::deliver {

/// What was finished: whole, synced, under its final name or in the spool.
struct PublishedObject {
  std::string key;  ///< below the destination; of an object "AWSLogs/…/….log.gz"
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  ///< as stored
};

/// Not for several threads at once.
class RecordWriter {
 public:
  virtual ~RecordWriter() = default;

  /// The record's texts are needed during the call only. After an error what it was written into is
  /// gone (a spool then knows what was lost); others may be added.
  virtual base::Expected<void> add(const record::Record& record) = 0;
  /// Publishes what is whole if no record comes any more that ends before `time`. One that comes
  /// all the same goes into a further file.
  virtual base::Expected<void> publish_before(base::UnixSeconds time) = 0;
  /// Publishes what is left, as much of it as can be: the first error comes back, what could be
  /// published is whole.
  virtual base::Expected<void> finish() = 0;

  /// What was published since the last call.
  virtual std::vector<PublishedObject> take_published() = 0;
};

}  // namespace weir::deliver
