// The threads that take one flow log's segments from its spool to its destination.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/log.h"
#include "deliver/destination.h"
#include "deliver/spool.h"

namespace weir::deliver {

/// Between attempts. The first pause is up to `first` long, each further one up to twice as long as
/// the one before, up to `longest`; how long is random, so that many hosts do not come back at the
/// same moment. After `access_error` it is all of `longest`.
struct DeliveryPauses {
  std::chrono::milliseconds first{1'000};
  std::chrono::milliseconds longest{60'000};
};

/// Time as delivery waits for it, which nobody can set; a test has days of its own.
struct DeliveryClock {
  using Time = std::chrono::steady_clock::time_point;

  std::function<Time()> now;
  /// Until `changed` is told, or that time has come; `Time::max()` never does. Or less.
  std::function<void(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Time)>
      wait;

  static DeliveryClock of_host();
};

struct DeliveryStatus {
  std::uint64_t delivered = 0;            ///< segments
  std::uint64_t delivered_bytes = 0;      ///< of their payloads
  std::uint64_t refused = 0;              ///< records, of segments that were delivered else
  std::uint64_t failures = 0;             ///< of attempts
  std::optional<Undelivered> last_error;  ///< of all attempts
  std::uint64_t stuck = 0;                ///< segments that are kept waiting (`is_of_segment`)
  /// Why nothing is delivered now; nothing: the last attempt did.
  std::optional<Undelivered> error;
};

/// Delivers as long as it lives: for days, if the destination is away so long. What waits when it
/// is destroyed stays in the spool.
class Delivery {
 public:
  /// `spool` outlives it. Trouble is logged when it begins, changes and ends, not at each attempt.
  /// It counts on from `before`, of one that has ended and delivered from the same spool.
  Delivery(Spool& spool, std::unique_ptr<Destination> destination, DeliveryPauses pauses,
           base::Log log, DeliveryStatus before = {},
           DeliveryClock clock = DeliveryClock::of_host());
  /// Ends.
  ~Delivery();
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  /// Waits until nothing waits any more. False: an attempt has failed, all that waits is stuck for
  /// longer than that, the time is over, or it was cancelled.
  bool drain(std::chrono::milliseconds longest);
  /// Nobody waits from here on, for an attempt or in `drain`. From any thread.
  void cancel();
  /// Cancels what is under way, and delivers nothing more. What it has come to.
  DeliveryStatus end();

  [[nodiscard]] DeliveryStatus status() const;
  [[nodiscard]] std::string destination() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::deliver
