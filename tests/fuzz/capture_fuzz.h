// What the fuzzers of both capture formats do: read all, look at every byte.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <span>

#include "capture/reader.h"

inline void read_all(std::span<const std::uint8_t> bytes) {
  auto reader = weir::capture::open_capture(weir::base::open_memory(bytes), "fuzz");
  if (!reader) return;
  std::array<weir::capture::CapturedPacket, 16> packets;
  unsigned sum = 0;
  for (;;) {
    const auto count = (*reader)->read(packets);
    if (!count || *count == 0) break;
    if (*count > packets.size()) std::abort();
    for (const auto& packet : std::span(packets).first(*count)) {
      sum = std::accumulate(packet.bytes.begin(), packet.bytes.end(), sum);
    }
  }
  // The end is an end.
  const auto after = (*reader)->read(packets);
  if (!after || *after != 0) std::abort();
  if (sum == 0xffff'ffff) std::abort();  // keeps the sum, and so the reads, alive
}
