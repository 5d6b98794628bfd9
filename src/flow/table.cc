#include "flow/table.h"

#include <algorithm>

namespace weir::flow {
namespace {

constexpr std::size_t kFirstIndex = 4096;

bool has_same_verdict(const Counters& a, const Counters& b) {
  return a.accept == b.accept && a.cause == b.cause && a.group_rule == b.group_rule &&
         a.acl_rule == b.acl_rule;
}

Counters one_packet(const weir_verdict& verdict, const weir_packet& packet, std::uint16_t second) {
  Counters counters;
  counters.packets = 1;
  counters.bytes = packet.bytes;
  counters.group_rule = verdict.group_rule;
  counters.acl_rule = verdict.acl_rule;
  counters.accept = verdict.accept;
  counters.cause = verdict.cause;
  counters.first = counters.last = second;
  counters.tcp_flags = weir_tcp_flags(packet.tcp_bits);
  return counters;
}

}  // namespace

void Counters::add(const Counters& other) {
  packets += other.packets;
  bytes += other.bytes;
  first = std::min(first, other.first);
  last = std::max(last, other.last);
  tcp_flags |= other.tcp_flags;
}

Table::Table(std::uint64_t seed) : seed_(seed), index_(kFirstIndex) {}

std::uint64_t Table::hash(const FlowKey& key, std::uint64_t seed) {
  base::Hash hash(seed);
  if ((key.src.high | key.dst.high) != 0) {
    hash.add(key.src.high);
    hash.add(key.dst.high);
    hash.add(key.src.low);
    hash.add(key.dst.low);
  } else {
    hash.add(key.src.low << 32U ^ key.dst.low);
  }
  if (key.own != base::Address{}) hash.add(key.own.high ^ key.own.low);
  hash.add(std::uint64_t{key.interface} << 32U | std::uint64_t{key.srcport} << 16U | key.dstport);
  hash.add(std::uint64_t{key.protocol} << 8U | key.direction);
  return hash.value();
}

Flow& Table::find_or_add(const FlowKey& key, std::uint64_t hash) {
  const auto tag = static_cast<std::uint32_t>(hash);
  for (std::size_t i = hash & mask();; i = (i + 1) & mask()) {
    const Place& place = index_[i];
    if (place.flow == Counters::kNone) return add(key, hash);
    if (place.hash == tag && flows_[place.flow].key == key) return flows_[place.flow];
  }
}

Flow& Table::add(const FlowKey& key, std::uint64_t hash) {
  if (flows_.size() * 2 >= index_.size()) grow();
  std::size_t i = hash & mask();
  while (index_[i].flow != Counters::kNone) i = (i + 1) & mask();
  index_[i] = {static_cast<std::uint32_t>(hash), static_cast<std::uint32_t>(flows_.size())};
  Flow& flow = flows_.push_back({});
  flow.key = key;
  return flow;
}

void Table::grow() {
  decltype(index_) old(index_.size() * 2);
  old.swap(index_);
  for (const Place& place : old) {
    if (place.flow == Counters::kNone) continue;
    std::size_t i = place.hash & mask();
    while (index_[i].flow != Counters::kNone) i = (i + 1) & mask();
    index_[i] = place;
  }
}

Counters& Table::counters_for(Flow& flow, const Counters& of) {
  const auto start = [&of](Counters& counters) -> Counters& {
    counters = of;
    counters.packets = counters.bytes = 0;
    counters.next = Counters::kNone;
    return counters;
  };
  Counters* counters = &flow.counters;
  if (counters->packets == 0) return start(*counters);
  while (!has_same_verdict(*counters, of)) {
    if (counters->next == Counters::kNone) {
      counters->next = static_cast<std::uint32_t>(further_.size());
      return start(further_.emplace_back());
    }
    counters = &further_[counters->next];
  }
  return *counters;
}

void Table::add(Flow& flow, const Counters& counters) {
  counters_for(flow, counters).add(counters);
}

void Table::count(Flow& flow, const weir_verdict& verdict, const weir_packet& packet,
                  std::uint16_t second) {
  add(flow, one_packet(verdict, packet, second));
}

const Flow* Table::peek(std::uint64_t hash) const {
  const Place& place = index_[hash & mask()];
  return place.flow == Counters::kNone ? nullptr : &flows_[place.flow];
}

void Table::prefetch_flow(std::uint64_t hash) const {
  const auto* flow = reinterpret_cast<const char*>(peek(hash));
  if (flow == nullptr) return;
  __builtin_prefetch(flow);
  __builtin_prefetch(flow + sizeof(Flow) / 2, 1);
}

}  // namespace weir::flow
