// Where a flow log's records go from the spool: S3, CloudWatch Logs, Data Firehose.
//
// What is recorded is written into segments. A segment is sealed when it is whole: from then on it
// holds what it holds, lies on disk, and is offered to its destination until that surely has it
// (spool.h keeps segments, delivery.h offers them). Each flow log has a spool, a destination and
// threads of its own, so that a slow destination holds up no other, and nobody who records waits
// for the network.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "aws/failure.h"
#include "base/digest.h"
#include "base/error.h"

namespace weir::deliver {

/// A part of a flow log's records that is sealed: an object of S3, or a batch of events.
struct Segment {
  std::uint64_t sequence = 0;  ///< in the order of sealing, among those that wait
  std::string key;             ///< what sealed it calls it; for S3 the object's, below the prefix
  std::uint64_t records = 0;
  std::filesystem::path file;  ///< begins with the payload, which what sealed it has written
  std::uint64_t bytes = 0;     ///< of the payload; its checksum is right
  /// Of the payload, where what sealed it knew it.
  std::optional<base::Sha256> sha256 = std::nullopt;
};

/// What AWS says of a flow log that cannot deliver (DeliverLogsErrorMessage).
enum class DeliverLogsError : std::uint8_t { rate_limited, access_error, unknown_error };

/// "Rate limited", "Access error", "Unknown error".
std::string_view to_string(DeliverLogsError error);

/// Why a destination does not have a segment (yet). It is offered again, however often: within a
/// minute or so, or slowly where somebody has to do something first (`access_error`).
struct Undelivered {
  DeliverLogsError kind = DeliverLogsError::unknown_error;
  /// It is about this segment alone: others are not kept waiting for it.
  bool is_of_segment = false;
  base::Error error;
};

/// For people, AWS's word first: "Access error: s3://…: …".
std::string to_string(const Undelivered& why);

using Prepared = tl::expected<void, Undelivered>;

/// What a destination says of a segment that it has.
struct Receipt {
  /// Records that it has refused for ever, such as events that are too old: they are not there.
  std::uint64_t refused = 0;
};

using Delivered = tl::expected<Receipt, Undelivered>;

/// What a failed call means for delivery: throttled is `rate_limited`; 403, 404 and missing
/// credentials are `access_error`; the rest, such as a file that cannot be read, is
/// `unknown_error`.
Undelivered undelivered(aws::Failure failure);

/// Called by the threads of one Delivery, which may wait for the network as long as they like.
class Destination {
 public:
  virtual ~Destination() = default;

  /// Makes what has to be there first (a bucket's policy, a log group). Called by one thread, and
  /// again after a failure; nothing is offered before it has succeeded.
  virtual Prepared prepare() { return {}; }

  /// Returns when the destination surely holds all of the segment but what it refuses for ever, or
  /// with why it does not. It may come again although it had been delivered, if the answer or the
  /// program was lost: for S3 the key then is taken by what has the same bytes. What takes batches
  /// and has taken a part of one remembers that, to be sent the rest only; after a crash the
  /// segment comes as a whole, so that a segment is no larger than what may come twice.
  virtual Delivered deliver(const Segment& segment) = 0;

  /// How many segments may be under way at once, each in a thread of its own. With 1 they come in
  /// the order of sealing, but for those that are kept waiting (`is_of_segment`).
  [[nodiscard]] virtual unsigned at_once() const { return 1; }

  /// From any thread: the program ends, and calls under way are to return soon, with a failure. For
  /// good.
  virtual void cancel() {}

  /// For people: "s3://bucket/prefix".
  [[nodiscard]] virtual std::string name() const = 0;
};

}  // namespace weir::deliver
