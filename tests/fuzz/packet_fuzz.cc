// Any bytes as any link layer's packet: nothing outside them is read, and what is parsed makes
// sense.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "packet/packet.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kHead = 3;
  if (size < kHead) return 0;
  static const std::vector<std::uint16_t> kLinks{0, 1, 12, 101, 108, 113, 228, 276, 147};
  const std::uint16_t link = kLinks[data[0] % kLinks.size()];
  const auto cut = static_cast<std::uint32_t>(data[1] << 8 | data[2]);
  // On the heap and of the exact size, so that a read beyond it is seen.
  const std::vector<std::uint8_t> bytes(data + kHead, data + size);
  const auto wire = static_cast<std::uint32_t>(bytes.size()) + cut;
  weir_packet packet{};
  const auto result = weir::packet::parse(bytes, wire, link, packet);
  if (result != weir::packet::ParseResult::parsed) return 0;
  const bool is_ipv4 = weir::packet::to_address(packet.src).family() == weir::base::Family::ipv4;
  if (is_ipv4 != (packet.family == WEIR_IPV4)) std::abort();
  if (packet.bytes > wire) std::abort();
  if (packet.fragment == WEIR_LATER_FRAGMENT && (packet.srcport | packet.dstport) != 0)
    std::abort();
  if (packet.tcp_bits != 0 && packet.protocol != WEIR_TCP) std::abort();
  return 0;
}
