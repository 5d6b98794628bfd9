// The kernel's part of recording, seen from user space: load it, tell it the rules, empty it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "base/time.h"
#include "flow/table.h"
#include "live/object.h"
#include "live/processors.h"
#include "policy/policy.h"
#include "vpc/network.h"

extern "C" {
#include "bpf/live.h"
}

namespace weir::live {

/// An interface as the kernel knows it, from `add_port` to `remove_port`. Unlike its index in a
/// network, the number stays when the description is read again.
enum class Port : std::uint32_t {};

enum class Mode : std::uint8_t {
  observe,  ///< judges and records, drops nothing
  enforce,  ///< drops what the rules reject, and what claims to be IP and cannot be read
};

/// Of all processors together. Each has its own part of the flows (processors.h), and of each part
/// there are two, since one is read while the other is filled. A part that is half full has no
/// room for some flows: each has but a few places where it may lie.
struct Capacity {
  std::size_t flows = 5U << 15U;        ///< IPv4, between two drains: 20 MB
  std::size_t ipv6_flows = 1U << 15U;   ///< 8 MB
  std::size_t connections = 1U << 18U;  ///< rounded up to a power of two: 19 MB
  std::size_t ports = WEIR_MAX_PORTS;
};

/// A Capacity as it came out. One processor, or one place of its table, may be full before.
struct Room {
  std::size_t flows = 0;
  std::size_t ipv6_flows = 0;
  std::size_t connections = 0;
};

/// A flow that met one verdict between two drains, as one processor saw it: of a flow whose packets
/// came on several, there are several. ICMP has ports 0 and 0, as its records have.
struct DrainedFlow {
  Port port{};
  vpc::Direction direction{};
  base::Address src;
  base::Address dst;
  std::uint16_t srcport = 0;
  std::uint16_t dstport = 0;
  std::uint8_t protocol = 0;
  base::UnixMicros first;
  base::UnixMicros last;
  flow::Counters counters;  ///< `first` and `last` are not set: they are of a window
};

/// What a point, one direction of a port, saw between two drains. Packets are counted as they are
/// on the wire.
struct PointAccount {
  Port port{};
  vpc::Direction direction{};
  std::uint64_t recorded = 0;    ///< in drained flows
  std::uint64_t not_logged = 0;  ///< AWS never logs it (facts/flow-logs.md §7)
  weir_counts counts{};          ///< by enum weir_count

  [[nodiscard]] std::uint64_t seen() const { return counts.of[WEIR_SEEN]; }
  /// Packets that no record tells of: SKIPDATA has to.
  [[nodiscard]] std::uint64_t overflow() const {
    return counts.of[WEIR_OVERFLOW_ACCEPT] + counts.of[WEIR_OVERFLOW_REJECT];
  }
  /// Those of them that are of IPv6, whose table is another one.
  [[nodiscard]] std::uint64_t ipv6_overflow() const { return counts.of[WEIR_OVERFLOW_IPV6]; }
  /// Packets that would have opened a connection, had the tracking table had a place.
  [[nodiscard]] std::uint64_t not_tracked() const { return counts.of[WEIR_NOT_TRACKED]; }
  /// The same as `seen()`, or something is wrong that must be said.
  [[nodiscard]] std::uint64_t accounted() const;
};

/// Which program, and on which clock; only tests and benchmarks need others.
struct Variant {
  bool has_test_clock = false;  ///< time is what `set_test_clock` says
  std::span<const std::byte> object = program_object();
  const char* program = "weir_live";
  std::optional<Processors> processors = std::nullopt;  ///< as if there were these
};

class Datapath {
 public:
  /// Makes the maps. Errors: the kernel's.
  static base::Expected<Datapath> load(Capacity capacity, Variant variant = {});
  Datapath(Datapath&&) noexcept;
  Datapath& operator=(Datapath&&) noexcept;
  ~Datapath();

  /// Loads the programs of one more interface. They run once attached (or by `test_run`).
  base::Expected<Port> add_port(Mode mode, bool has_link_header);
  /// Loads other programs for the port; those before run for as long as they are attached.
  base::Expected<void> change_port(Port port, Mode mode, bool has_link_header);
  /// Frees the number for another interface, which knows nothing of this one's connections.
  /// REQUIRES: its programs are attached nowhere, and what they counted has been drained.
  void remove_port(Port port);
  /// `direction` is as the interface's owner sees it: what a device sends is egress, but ingress if
  /// the device is the host's end of a veth pair whose other end the owner has.
  [[nodiscard]] int program(Port port, vpc::Direction direction) const;

  /// Error: more rules than the kernel's maps hold.
  static base::Expected<void> check(const policy::Policy& policy);
  /// Which rules hold from now on: `interfaces` has, by port, the index in `policy` (any, for a
  /// port that was removed). A packet meets the old rules or the new, never some of each; tracked
  /// connections go on. REQUIRES: each policy is compiled after the one before, so that the numbers
  /// of rules stay. Errors: those of `check`, the kernel's; the rules before hold on.
  base::Expected<void> publish(const policy::Policy& policy,
                               std::span<const vpc::InterfaceIndex> interfaces);

  using Visit = std::function<void(const DrainedFlow&)>;
  /// Hands over all flows since the last drain, in no order, and returns an account of all packets:
  /// by port, ingress before egress (of a removed port, nothing was seen).
  /// `now` is the wall clock's time of the call, by which the flows' times are told.
  base::Expected<std::vector<PointAccount>> drain(base::UnixMicros now, const Visit& visit);

  [[nodiscard]] Room room() const;
  /// Looks at the next part of the table of connections.
  base::Expected<void> look_at_connections();
  /// How many of its places are taken: ConnectionCount's.
  [[nodiscard]] std::optional<std::size_t> connections() const;

  /// In ticks of the tracking clock. REQUIRES: a test clock.
  void set_test_clock(std::uint64_t beat);
  [[nodiscard]] std::chrono::microseconds beat() const;

 private:
  struct State;
  explicit Datapath(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::live
