// Records into segments of events, for services that take events in place of objects.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "deliver/flow_log.h"
#include "deliver/record_writer.h"
#include "deliver/spool.h"

namespace weir::deliver {

struct EventLimits {
  /// A segment ends before it has more, if one record is not longer: after a crash it comes as a
  /// whole to a service that may have a part of it.
  std::size_t segment_bytes = 1'000'000;
  /// Of lines that wait for the end of their window.
  std::size_t waiting_bytes = std::size_t{64} << 20U;
};

/// Keeps records until their window is over, and seals them by interface and time: a service gets
/// the events of an interface in the order of their times, but for packets that came out of order,
/// and where more would have to wait than the limit says.
class EventWriter : public RecordWriter {
 public:
  /// `spool` outlives it. Errors: settings that AWS would refuse; those that only objects have.
  static base::Expected<EventWriter> open(Spool& spool, FlowLog flow_log, EventLimits limits = {});

  base::Expected<void> add(const record::Record& record) override;
  base::Expected<void> publish_before(base::UnixSeconds time) override;
  base::Expected<void> finish() override { return publish_before(base::UnixSeconds::max()); }
  std::vector<PublishedObject> take_published() override { return std::exchange(published_, {}); }

 private:
  struct Waiting {
    std::string interface_id;
    base::UnixSeconds start;
    base::UnixSeconds end;
    std::string line;
  };
  EventWriter(Spool& spool, FlowLog flow_log, EventLimits limits)
      : spool_(&spool), flow_log_(std::move(flow_log)), limits_(limits) {}
  base::Expected<void> seal(std::vector<Waiting> records);
  base::Expected<void> seal(const std::string& text, base::UnixSeconds first, Sealing sealing);

  Spool* spool_;
  FlowLog flow_log_;
  EventLimits limits_;
  std::vector<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::uint64_t segments_ = 0;
  std::vector<PublishedObject> published_;
};

}  // namespace weir::deliver
