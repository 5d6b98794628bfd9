// pcap: a header of 24 bytes, then packets of 16 bytes of header and their data. IETF
// draft-ietf-opsawg-pcap.
#include "capture/formats.h"

namespace weir::capture {
namespace {

constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr std::uint32_t kNanoseconds = 0xa1b23c4d;
constexpr std::size_t kFileHeader = 24;
constexpr std::size_t kPacketHeader = 16;
constexpr std::uint32_t kNanosecondsPerMicrosecond = 1000;

class PcapReader : public BufferedReader {
 public:
  PcapReader(base::Buffer buffer, const std::string& name, ByteOrder order, bool is_nanoseconds,
             std::uint16_t link_type)
      : BufferedReader(std::move(buffer), name),
        order_(order),
        divisor_(is_nanoseconds ? kNanosecondsPerMicrosecond : 1),
        link_type_(link_type) {}

 private:
  Step next(CapturedPacket& packet) override {
    const auto bytes = buffer().available();
    if (bytes.size() < kPacketHeader) return {Step::more, kPacketHeader};
    const std::uint32_t length = order_.u32(bytes.data() + 8);
    if (length > kMaxPacketBytes) {
      return {Step::damage, 0,
              "a length of " + std::to_string(length) + " bytes is not possible for"};
    }
    if (bytes.size() < kPacketHeader + length) return {Step::more, kPacketHeader + length};
    packet.time =
        base::UnixMicros(std::chrono::seconds(order_.u32(bytes.data())) +
                         std::chrono::microseconds(order_.u32(bytes.data() + 4) / divisor_));
    packet.bytes = bytes.subspan(kPacketHeader, length);
    packet.wire_length = order_.u32(bytes.data() + 12);
    packet.link_type = link_type_;
    buffer().consume(kPacketHeader + length);
    return {Step::packet};
  }

  ByteOrder order_;
  std::uint32_t divisor_;
  std::uint16_t link_type_;
};

/// The magic number in the writer's byte order tells both the order and the clock.
struct Magic {
  ByteOrder order;
  bool is_nanoseconds;
};

std::optional<Magic> magic_of(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 4) return std::nullopt;
  for (const bool is_swapped : {false, true}) {
    const ByteOrder order(is_swapped);
    const std::uint32_t magic = order.u32(bytes.data());
    if (magic == kMicroseconds || magic == kNanoseconds) return Magic{order, magic == kNanoseconds};
  }
  return std::nullopt;
}

}  // namespace

bool is_pcap(std::span<const std::uint8_t> bytes) {
  return magic_of(bytes).has_value();
}

base::Expected<std::unique_ptr<Reader>> open_pcap(base::Buffer buffer, const std::string& name) {
  if (auto filled = buffer.fill(kFileHeader); !filled) return tl::unexpected(filled.error());
  const auto header = buffer.available();
  const auto magic = magic_of(header);
  if (!magic || header.size() < kFileHeader) {
    return base::fail(name, "ends in the middle of the capture's header", "the file is truncated");
  }
  // The upper bits hold the length of a frame check sequence, which no IP header is affected by.
  const auto link_type = static_cast<std::uint16_t>(magic->order.u32(header.data() + 20) & 0xffffU);
  buffer.consume(kFileHeader);
  return std::make_unique<PcapReader>(std::move(buffer), name, magic->order, magic->is_nanoseconds,
                                      link_type);
}

}  // namespace weir::capture
