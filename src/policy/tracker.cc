#include "policy/tracker.h"

#include <algorithm>
#include <bit>

#include "base/hash.h"

namespace weir::policy {
namespace {

constexpr std::size_t kFirstSweep = 4096;
// Packets may come out of order by so much: what has just timed out may yet be asked for.
constexpr std::uint64_t kOutOfOrder = 60 * WEIR_SECOND;

std::uint64_t hash_of(const weir_connection_key& key, std::uint64_t seed) {
  base::Hash hash(seed);
  hash.add(key.local.high);
  hash.add(key.local.low);
  hash.add(key.remote.high);
  hash.add(key.remote.low);
  hash.add(std::uint64_t{key.interface} << 32U | std::uint64_t{key.local_port} << 16U |
           key.remote_port);
  hash.add(std::uint64_t{key.protocol} << 8U | key.kind);
  return hash.value();
}

// Padding aside.
bool same(const weir_connection_key& a, const weir_connection_key& b) {
  return a.local.high == b.local.high && a.local.low == b.local.low &&
         a.remote.high == b.remote.high && a.remote.low == b.remote.low &&
         a.interface == b.interface && a.local_port == b.local_port &&
         a.remote_port == b.remote_port && a.protocol == b.protocol && a.kind == b.kind;
}

}  // namespace

Tracker::Tracker(std::size_t max_connections)
    : seed_(base::random_seed()),
      max_connections_(max_connections),
      next_sweep_(std::min(kFirstSweep, max_connections)),
      index_(2 * std::bit_ceil(std::max<std::size_t>(next_sweep_, 1)), kNone) {}

std::size_t Tracker::slot_of(const weir_connection_key& key) const {
  std::size_t mask = index_.size() - 1;
  std::size_t slot = hash_of(key, seed_) & mask;
  while (index_[slot] != kNone && !same(entries_[index_[slot]].key, key)) slot = (slot + 1) & mask;
  return slot;
}

std::uint32_t Tracker::find(const weir_connection_key& key, std::uint32_t hint) const {
  if (hint < entries_.size() && same(entries_[hint].key, key)) return hint;
  return index_[slot_of(key)];
}

std::uint32_t Tracker::add(const weir_connection_key& key, const weir_connection& connection,
                           std::uint64_t now) {
  if (entries_.size() >= next_sweep_) {
    // Full of live connections: looking again before time has passed would find nothing.
    if (next_sweep_ == max_connections_ && now < last_sweep_ + WEIR_SECOND) return kNone;
    last_sweep_ = now;
    forget(now - std::min(now, kOutOfOrder));
    // Grow unless the sweep made a quarter of the room free, so that sweeps stay rare.
    if (entries_.size() > next_sweep_ - next_sweep_ / 4) {
      next_sweep_ = std::min(2 * next_sweep_, max_connections_);
    }
    rebuild_index();
    if (entries_.size() >= max_connections_) return kNone;
  }
  auto number = static_cast<std::uint32_t>(entries_.size());
  index_[slot_of(key)] = number;
  entries_.push_back({key, connection});
  return number;
}

void Tracker::clear() {
  entries_.clear();
  std::fill(index_.begin(), index_.end(), kNone);
}

void Tracker::forget(std::uint64_t now) {
  entries_.erase_if([now](const Entry& entry) {
    return weir_is_forgotten(&entry.key, &entry.connection, now) != 0;
  });
}

void Tracker::rebuild_index() {
  index_.assign(2 * std::bit_ceil(next_sweep_), kNone);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    index_[slot_of(entries_[i].key)] = static_cast<std::uint32_t>(i);
  }
}

}  // namespace weir::policy
