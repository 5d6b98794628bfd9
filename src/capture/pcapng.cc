// pcapng: blocks of a type, a length, a body and the length again; sections with a byte order of
// their own, each with its interfaces. IETF draft-ietf-opsawg-pcapng.
#include <array>
#include <vector>

#include "capture/formats.h"

namespace weir::capture {
namespace {

enum BlockType : std::uint32_t {
  kSectionHeader = 0x0a0d0d0a,
  kInterfaceDescription = 1,
  kObsoletePacket = 2,
  kSimplePacket = 3,
  kEnhancedPacket = 6,
};

constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint32_t kMaxBlockBytes = std::uint32_t{16} << 20U;
constexpr std::size_t kBlockOverhead = 12;  // type, length, length
constexpr std::size_t kMaxInterfaces = 65536;
constexpr std::size_t kMaxNames = 64;  // further interfaces are counted together
constexpr std::size_t kMaxNameBytes = 64;
constexpr std::uint16_t kOptionName = 2;
constexpr std::uint16_t kOptionTimeResolution = 9;
constexpr std::uint16_t kOptionTimeOffset = 14;

struct Interface {
  std::uint16_t link_type = 0;
  std::uint32_t snap_length = 0;
  std::uint64_t ticks_per_second = 1'000'000;
  std::int64_t offset_seconds = 0;
  std::size_t counted_as = 0;  ///< place in PcapngReader::counted_
};

/// A name that a terminal can be given: a capture may come from anybody.
std::string printable(std::span<const std::uint8_t> bytes) {
  std::string name;
  for (const std::uint8_t byte : bytes.first(std::min(bytes.size(), kMaxNameBytes))) {
    if (byte == 0) break;
    name += byte >= ' ' && byte < 0x7f ? static_cast<char>(byte) : '?';
  }
  return name;
}

/// 10 to the power of the value, or 2 with the highest bit set; 0 if it does not fit.
std::uint64_t ticks_per_second(std::uint8_t resolution) {
  const unsigned exponent = resolution & 0x7fU;
  if ((resolution & 0x80U) != 0) return exponent < 64 ? std::uint64_t{1} << exponent : 0;
  std::uint64_t ticks = 1;
  for (unsigned i = 0; i < exponent; ++i) {
    if (ticks > std::numeric_limits<std::uint64_t>::max() / 10) return 0;
    ticks *= 10;
  }
  return ticks;
}

class PcapngReader : public BufferedReader {
 public:
  using BufferedReader::BufferedReader;

  [[nodiscard]] std::span<const CaptureInterface> interfaces() const override { return counted_; }

 private:
  Step next(CapturedPacket& packet) override {
    auto bytes = buffer().available();
    if (bytes.size() < kBlockOverhead) return {Step::more, kBlockOverhead};
    // A section's header tells the byte order, in which its own length is written already.
    const bool is_section = order_.u32(bytes.data()) == kSectionHeader;  // a palindrome
    if (is_section && !read_byte_order(bytes.data() + 8)) {
      return {Step::damage, 0, "a section without a byte order before"};
    }
    const std::uint32_t type = order_.u32(bytes.data());
    const std::uint32_t length = order_.u32(bytes.data() + 4);
    if (length < kBlockOverhead || length % 4 != 0 || length > kMaxBlockBytes) {
      return {Step::damage, 0,
              "a block's length of " + std::to_string(length) + " bytes is not possible before"};
    }
    if (bytes.size() < length) return {Step::more, length};
    bytes = bytes.first(length);
    if (order_.u32(bytes.data() + length - 4) != length) {
      return {Step::damage, 0, "a block's two lengths differ before"};
    }
    Step step = read_block(type, bytes.subspan(8, length - kBlockOverhead), packet);
    if (step.kind != Step::damage) buffer().consume(length);
    return step;
  }

  bool read_byte_order(const std::uint8_t* at) {
    for (const bool is_swapped : {false, true}) {
      if (ByteOrder(is_swapped).u32(at) != kByteOrderMagic) continue;
      order_ = ByteOrder(is_swapped);
      return true;
    }
    return false;
  }

  Step read_block(std::uint32_t type, std::span<const std::uint8_t> body, CapturedPacket& packet) {
    switch (type) {
      case kSectionHeader:
        interfaces_.clear();
        return {Step::skipped};
      case kInterfaceDescription:
        return read_interface(body);
      case kEnhancedPacket:
        return read_enhanced(body, packet);
      case kObsoletePacket:
        return read_obsolete(body, packet);
      case kSimplePacket:
        return read_simple(body, packet);
      default:
        return {Step::skipped};
    }
  }

  Step read_interface(std::span<const std::uint8_t> body) {
    if (body.size() < 8) return {Step::damage, 0, "an interface's description is too short before"};
    if (interfaces_.size() >= kMaxInterfaces)
      return {Step::damage, 0, "too many interfaces before"};
    Interface interface;
    std::string name;
    interface.link_type = order_.u16(body.data());
    interface.snap_length = order_.u32(body.data() + 4);
    auto options = body.subspan(8);
    while (options.size() >= 4) {
      const std::uint16_t code = order_.u16(options.data());
      const std::size_t length = order_.u16(options.data() + 2);
      const std::size_t padded = 4 + (length + 3) / 4 * 4;
      if (code == 0 || padded > options.size()) break;
      if (code == kOptionTimeResolution && length == 1) {
        interface.ticks_per_second = ticks_per_second(options[4]);
      } else if (code == kOptionTimeOffset && length == 8) {
        interface.offset_seconds = static_cast<std::int64_t>(order_.u64(options.data() + 4));
      } else if (code == kOptionName) {
        name = printable(options.subspan(4, length));
      }
      options = options.subspan(padded);
    }
    if (interface.ticks_per_second == 0) {
      return {Step::damage, 0, "an interface's time resolution is not possible before"};
    }
    if (name.empty()) name = "interface " + std::to_string(interfaces_.size());
    interface.counted_as = counted_as(std::move(name));
    interfaces_.push_back(interface);
    return {Step::skipped};
  }

  std::size_t counted_as(std::string name) {
    const auto same = std::find_if(counted_.begin(), counted_.end(),
                                   [&](const auto& other) { return other.name == name; });
    if (same != counted_.end()) return static_cast<std::size_t>(same - counted_.begin());
    if (counted_.size() > kMaxNames) return kMaxNames;
    if (counted_.size() == kMaxNames) name = "other interfaces";
    counted_.push_back({std::move(name)});
    return counted_.size() - 1;
  }

  Step read_enhanced(std::span<const std::uint8_t> body, CapturedPacket& packet) {
    if (body.size() < 20) return {Step::damage, 0, "a block is too short for"};
    return take(order_.u32(body.data()), ticks(body.data() + 4), order_.u32(body.data() + 12),
                order_.u32(body.data() + 16), body.subspan(20), packet);
  }

  Step read_obsolete(std::span<const std::uint8_t> body, CapturedPacket& packet) {
    if (body.size() < 20) return {Step::damage, 0, "a block is too short for"};
    return take(order_.u16(body.data()), ticks(body.data() + 4), order_.u32(body.data() + 12),
                order_.u32(body.data() + 16), body.subspan(20), packet);
  }

  /// A simple packet is of the section's first interface and has no time: it is given that of the
  /// packet before it, the only one that is known to be near.
  Step read_simple(std::span<const std::uint8_t> body, CapturedPacket& packet) {
    if (body.size() < 4) return {Step::damage, 0, "a block is too short for"};
    if (interfaces_.empty()) return {Step::damage, 0, "no interface is described for"};
    const std::uint32_t wire = order_.u32(body.data());
    std::uint32_t kept = std::min(wire, static_cast<std::uint32_t>(body.size() - 4));
    if (interfaces_[0].snap_length != 0) kept = std::min(kept, interfaces_[0].snap_length);
    return finish(interfaces_[0], last_time_, kept, wire, body.subspan(4), packet);
  }

  [[nodiscard]] std::uint64_t ticks(const std::uint8_t* at) const {
    return std::uint64_t{order_.u32(at)} << 32U | order_.u32(at + 4);
  }

  Step take(std::uint32_t interface_number, std::uint64_t ticks, std::uint32_t kept,
            std::uint32_t wire, std::span<const std::uint8_t> data, CapturedPacket& packet) {
    if (interface_number >= interfaces_.size()) {
      return {Step::damage, 0,
              "interface " + std::to_string(interface_number) + " is not described for"};
    }
    const Interface& interface = interfaces_[interface_number];
    const std::uint64_t seconds = ticks / interface.ticks_per_second;
    const std::uint64_t rest = ticks % interface.ticks_per_second;
    // A hundred thousand years either way: enough, and nothing overflows.
    constexpr std::int64_t kMaxSeconds = 3'000'000'000'000;
    if (seconds > kMaxSeconds || interface.offset_seconds > kMaxSeconds ||
        interface.offset_seconds < -kMaxSeconds) {
      return {Step::damage, 0, "the time is not possible for"};
    }
    __extension__ using Wide = unsigned __int128;
    const auto micros =
        static_cast<std::int64_t>(static_cast<Wide>(rest) * 1'000'000 / interface.ticks_per_second);
    const base::UnixMicros time(
        std::chrono::seconds(static_cast<std::int64_t>(seconds) + interface.offset_seconds) +
        std::chrono::microseconds(micros));
    return finish(interface, time, kept, wire, data, packet);
  }

  Step finish(const Interface& interface, base::UnixMicros time, std::uint32_t kept,
              std::uint32_t wire, std::span<const std::uint8_t> data, CapturedPacket& packet) {
    if (kept > data.size() || kept > kMaxPacketBytes) {
      return {Step::damage, 0,
              "a length of " + std::to_string(kept) + " bytes is not possible for"};
    }
    packet.time = last_time_ = time;
    packet.bytes = data.first(kept);
    packet.wire_length = wire;
    packet.link_type = interface.link_type;
    ++counted_[interface.counted_as].packets;
    return {Step::packet};
  }

  ByteOrder order_;
  std::vector<Interface> interfaces_;  ///< of the present section
  std::vector<CaptureInterface> counted_;
  base::UnixMicros last_time_{};
};

}  // namespace

bool is_pcapng(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= 4 && ByteOrder().u32(bytes.data()) == kSectionHeader;
}

base::Expected<std::unique_ptr<Reader>> open_pcapng(base::Buffer buffer, const std::string& name) {
  return std::make_unique<PcapngReader>(std::move(buffer), name);
}

}  // namespace weir::capture
