// The connections that security groups remember, all interfaces together, in user space.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/huge_pages.h"

extern "C" {
#include "bpf/track.h"
}

namespace weir::policy {

/// A hash table of bpf/track.h's entries: an array of slots in order of arrival and an index of
/// their numbers. It forgets what has timed out when it would otherwise have to grow, and never
/// what has not: at the limit a new connection is refused, and counted by the caller.
class Tracker {
 public:
  struct Entry {
    weir_connection_key key;
    weir_connection connection;
  };
  static constexpr std::uint32_t kNone = 0xffff'ffff;

  explicit Tracker(std::size_t max_connections);

  /// The number of the key's entry, or kNone. `hint` may be any number, also one that was valid
  /// long ago: where it still holds the key, the search is spared.
  [[nodiscard]] std::uint32_t find(const weir_connection_key& key, std::uint32_t hint) const;
  [[nodiscard]] Entry& operator[](std::uint32_t number) { return entries_[number]; }

  /// Adds an entry for a key that has none. kNone when the table is full of live connections.
  std::uint32_t add(const weir_connection_key& key, const weir_connection& connection,
                    std::uint64_t now);

  /// Forgets all connections, and keeps the memory.
  void clear();

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  /// Brings the entry into the cache.
  void prefetch(std::uint32_t hint) const {
    if (hint >= entries_.size()) return;
    const auto* entry = reinterpret_cast<const char*>(&entries_[hint]);
    __builtin_prefetch(entry, 1);
    __builtin_prefetch(entry + sizeof(Entry) - 1, 1);
  }

 private:
  void forget(std::uint64_t now);
  void rebuild_index();
  [[nodiscard]] std::size_t slot_of(const weir_connection_key& key) const;

  std::uint64_t seed_;
  std::size_t max_connections_;
  std::size_t next_sweep_;
  std::uint64_t last_sweep_ = 0;
  base::HugeArray<Entry> entries_;
  std::vector<std::uint32_t, base::HugePageAllocator<std::uint32_t>>
      index_;  ///< open addressing, a power of two, at most half full
};

}  // namespace weir::policy
