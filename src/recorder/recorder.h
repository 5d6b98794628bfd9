// From captured packets to flow-log records: who saw the packet, what was decided, which window it
// counts in, what the record says.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "capture/reader.h"
#include "deliver/flow_log.h"
#include "policy/policy.h"
#include "record/record.h"
#include "recorder/aws_services.h"
#include "vpc/network.h"

namespace weir::recorder {

/// What became of the packets. Each packet counts in exactly one of the classes, so that their sum
/// is `read`; the rest says where figures have a limit.
struct Summary {
  std::uint64_t read = 0;
  std::uint64_t recorded = 0;      ///< in at least one record
  std::uint64_t not_ip = 0;        ///< ARP and its like
  std::uint64_t not_logged = 0;    ///< AWS never logs it (facts/flow-logs.md §7)
  std::uint64_t no_interface = 0;  ///< no described interface sent it or was to receive it
  std::uint64_t filtered_out = 0;  ///< recorded but for --traffic-type
  std::uint64_t truncated = 0;     ///< the capture kept too little of its headers
  std::uint64_t malformed = 0;
  std::uint64_t unknown_link = 0;  ///< of a link type that is not read

  std::uint64_t records = 0;      ///< written, NODATA included
  std::uint64_t late = 0;         ///< packets that came after their window had closed
  std::uint64_t foreign = 0;      ///< with neither address of the interface they are recorded at
  std::uint64_t clock_jumps = 0;  ///< of more than a day; no NODATA stands for them
  std::uint64_t not_tracked = 0;  ///< connections beyond the tracking table

  [[nodiscard]] std::uint64_t accounted() const {
    return recorded + not_ip + not_logged + no_interface + filtered_out + truncated + malformed +
           unknown_link;
  }
};

struct Settings {
  deliver::FlowLog flow_log;
  /// The capture is this interface's own (`--interface`); nothing: the whole network's.
  std::optional<vpc::InterfaceIndex> interface;
  /// Whose records are wanted, by interface; empty: all.
  std::vector<bool> subscribed;
  std::size_t max_connections = 2'000'000;
  std::size_t max_flows = 2'000'000;
};

/// Takes the records in the order in which windows close.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual base::Expected<void> add(const record::Record& record) = 0;
  /// No record that ends before `time` will come, but for packets that the capture has out of
  /// order.
  virtual base::Expected<void> completed(base::UnixSeconds time) = 0;
};

/// Judges and records packets; the same packets make the same records. Called by one thread; what
/// remembers anything runs on a second one, and so does the sink.
class Recorder {
 public:
  /// All of them outlive the recorder. Error: without `settings.interface`, an address that several
  /// interfaces have.
  static base::Expected<Recorder> make(const vpc::Network& network, const policy::Policy& policy,
                                       const AwsServices& services, Settings settings,
                                       RecordSink& sink);
  Recorder(Recorder&&) noexcept;
  Recorder& operator=(Recorder&&) noexcept;
  ~Recorder();

  /// Packets in the order of the capture; the views may end with the call. An error of the sink
  /// comes back from this call or a later one; nothing may be recorded after it.
  base::Expected<void> record(std::span<const capture::CapturedPacket> packets);
  /// Settles what is under way and closes all windows. Nothing may be recorded after it.
  base::Expected<void> finish();

  /// REQUIRES: `finish`, or an error.
  [[nodiscard]] Summary summary() const;

 private:
  struct State;
  explicit Recorder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::recorder
