// The flows of one aggregation window: every judged packet is counted exactly once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/hash.h"
#include "base/huge_pages.h"
#include "policy/judge.h"

namespace weir::flow {

/// Which record a packet belongs to, its verdict apart. The addresses are those that the record
/// prints: at its own end an interface's primary address, whichever of its addresses the packet had
/// (facts/flow-logs.md §1.2).
struct FlowKey {
  base::Address src;
  base::Address dst;
  /// What else tells flows apart at the interface's own end: the packet's own address there, if the
  /// log format has a field of it; otherwise zero.
  base::Address own;
  std::uint32_t interface = 0;
  std::uint16_t srcport = 0;
  std::uint16_t dstport = 0;
  std::uint8_t protocol = 0;
  std::uint8_t direction = 0;  ///< vpc::Direction

  bool operator==(const FlowKey&) const = default;
};

/// The packets of one flow that met the same verdict. Bytes are layer 3, as AWS counts them.
struct Counters {
  static constexpr std::uint32_t kNone = 0xffff'ffff;

  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint32_t group_rule = 0;
  std::uint32_t acl_rule = 0;
  std::uint32_t next = kNone;  ///< further verdicts of the flow: Table's business
  std::uint16_t first = 0;     ///< seconds after the window's start
  std::uint16_t last = 0;
  std::uint8_t tcp_flags = 0;  ///< AWS's bits, with WEIR_TCP_FLAGS_UNKNOWN
  std::uint8_t accept = 0;
  std::uint8_t cause = 0;  ///< enum weir_cause

  void add(const Counters& other);
};

/// One flow: a cache line that finds it, and one that counts.
struct alignas(64) Flow {
  FlowKey key;
  Counters counters;  ///< of the verdict that the first packet met
  policy::Memo memo;
};
static_assert(sizeof(Flow) == 128);

/// Flows stay where they are and in the order of their first packets, so what is read out does not
/// depend on the hash. Not for several threads.
class Table {
 public:
  /// Tables of one seed have the same hashes.
  explicit Table(std::uint64_t seed = base::random_seed());
  Table(Table&&) noexcept = default;
  Table& operator=(Table&&) noexcept = default;
  ~Table() = default;

  [[nodiscard]] std::uint64_t hash(const FlowKey& key) const { return hash(key, seed_); }
  static std::uint64_t hash(const FlowKey& key, std::uint64_t seed);

  /// The flow of `key`, new if need be.
  Flow& find_or_add(const FlowKey& key, std::uint64_t hash);

  /// Counts one packet of the flow. `second` is its time after the window's start; seconds may come
  /// in any order.
  void count(Flow& flow, const weir_verdict& verdict, const weir_packet& packet,
             std::uint16_t second);

  /// Counts packets that somebody else has counted, of one verdict and one window.
  void add(Flow& flow, const Counters& counters);

  [[nodiscard]] std::size_t size() const { return flows_.size(); }

  /// Calls `visit(const FlowKey&, std::span<const Counters>)`: one element for each verdict, in the
  /// order in which they were first met. Flows that nothing was counted for are left out.
  template <typename Visit>
  void for_each(Visit visit) const {
    std::vector<Counters> verdicts;
    for (std::size_t i = 0; i < flows_.size(); ++i) {
      const Flow& flow = flows_[i];
      if (flow.counters.packets == 0) continue;
      verdicts.assign(1, flow.counters);
      for (std::uint32_t more = flow.counters.next; more != Counters::kNone;) {
        verdicts.push_back(further_[more]);
        more = further_[more].next;
      }
      visit(flow.key, std::span<const Counters>(verdicts));
    }
  }

  /// Two steps that bring a flow into the cache while other packets are worked on.
  void prefetch_index(std::uint64_t hash) const { __builtin_prefetch(&index_[hash & mask()]); }
  void prefetch_flow(std::uint64_t hash) const;
  [[nodiscard]] const Flow* peek(std::uint64_t hash) const;

 private:
  struct Place {
    std::uint32_t hash = 0;  ///< its low half: enough to place it anew when the index grows
    std::uint32_t flow = Counters::kNone;
  };

  [[nodiscard]] std::size_t mask() const { return index_.size() - 1; }
  Counters& counters_for(Flow& flow, const Counters& of);
  Flow& add(const FlowKey& key, std::uint64_t hash);
  void grow();

  std::uint64_t seed_;
  base::HugeArray<Flow> flows_;
  std::vector<Place, base::HugePageAllocator<Place>>
      index_;                      ///< open addressing, a power of two, at most half full
  std::vector<Counters> further_;  ///< verdicts after a flow's first
};

}  // namespace weir::flow
