// What a running service tells of itself: the figures behind `weir status` and the metrics.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "deliver/delivery.h"
#include "deliver/spool.h"
#include "live/datapath.h"
#include "live/hook.h"

namespace weir::service {

struct Traffic {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;  ///< layer 3, as in records
};

/// One direction of an interface since the service began. Every packet seen is in exactly one of
/// the packet counts below it, unless `mismatch` says otherwise.
struct PointFigures {
  std::uint64_t seen = 0;
  Traffic accepted;  ///< in drained flows
  Traffic rejected;
  std::uint64_t overflow_accepted = 0;  ///< found no room: SKIPDATA stands for them
  std::uint64_t overflow_rejected = 0;
  std::uint64_t overflow_not_logged = 0;
  std::uint64_t not_logged = 0;  ///< AWS never logs it
  std::uint64_t not_ip = 0;
  std::uint64_t truncated = 0;
  std::uint64_t malformed = 0;
  std::uint64_t not_judged = 0;  ///< came before the rules
  /// By how many packets the accounts of drains were wrong, in sum: a defect of weir. What is
  /// missing in one drain and too much in the next is counted twice.
  std::uint64_t mismatch = 0;

  /// These count connections.
  std::uint64_t not_tracked = 0;       ///< the table was full
  std::uint64_t forgotten_closed = 0;  ///< closed ones that gave up their place early

  [[nodiscard]] std::uint64_t rejected_packets() const {
    return rejected.packets + overflow_rejected;
  }
  [[nodiscard]] std::uint64_t skipped() const { return overflow_accepted + overflow_rejected; }
  void add(const PointFigures& other);
};

struct InterfaceReport {
  std::string id;
  std::string name;
  live::Device device;
  live::Mode mode = live::Mode::observe;
  std::optional<live::Attachment> attachment;  ///< nothing: its device is not there
  std::string complaint;                       ///< why not
  std::array<PointFigures, 2> directions;      ///< by vpc::Direction
};

struct ObjectReport {
  std::string key;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  base::UnixMicros published;
};

/// How the delivery of a flow log stands whose destination is not a folder.
struct DeliveryAccount {
  std::string flow_log_id;
  std::string destination;
  bool takes_events = false;  ///< a segment is a batch of events, not an object
  deliver::SpoolStatus spool;
  deliver::DeliveryStatus delivery;  ///< since the spool was opened, to whatever destination
};

struct FlowLogReport {
  std::string id;
  std::string destination;
  std::string complaint;  ///< why nothing can be delivered now; empty: it can
  std::uint64_t records = 0;
  /// Could not be written, or have given way in the spool, or were damaged there; SKIPDATA stands
  /// for them. Of a bucket: of all flow logs with this id, since its spool was opened.
  std::uint64_t lost_records = 0;
  std::uint64_t objects =
      0;  ///< in the destination's folder, or sealed in the spool; batches of events, too
  std::optional<ObjectReport> last_object;
  /// Nothing: the destination is a folder.
  std::optional<DeliveryAccount> delivery;
  /// It records nothing more, but has something to tell or to deliver; another may have its id.
  bool has_ended = false;
};

/// How long it took to empty the kernel's tables, and how full they were.
struct DrainFigures {
  static constexpr std::array<double, 8> kBounds = {0.001, 0.0025, 0.005, 0.01,
                                                    0.025, 0.05,   0.1,   0.5};  ///< seconds
  std::array<std::uint64_t, kBounds.size() + 1> buckets{};  ///< the last: longer than all bounds
  double sum = 0;                                           ///< seconds
  std::chrono::microseconds last{};
  std::optional<base::UnixMicros> at;  ///< of the last drain; nothing: there was none yet
  std::uint64_t flows = 0;             ///< of the last drain, IPv4
  std::uint64_t ipv6_flows = 0;

  [[nodiscard]] std::uint64_t count() const;
  void add(std::chrono::duration<double> duration);
};

struct Report {
  base::UnixMicros started;
  std::vector<InterfaceReport> interfaces;
  std::vector<FlowLogReport> flow_logs;
  DrainFigures drains;
  live::Room room;  ///< of the kernel's tables
  /// Of tracked connections, taken; each part of the table is looked at in turn, one with each
  /// drain, and until all have been nothing is told.
  std::optional<std::size_t> connections;
};

}  // namespace weir::service
