#include "capture/reader.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <array>
#include <string>
#include <vector>

namespace weir::capture {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// Writes numbers in either byte order.
class Writer {
 public:
  explicit Writer(bool is_big = false) : is_big_(is_big) {}
  Writer& u16(std::uint64_t value) { return number(value, 2); }
  Writer& u32(std::uint64_t value) { return number(value, 4); }
  Writer& u64(std::uint64_t value) { return number(value, 8); }
  Writer& fill(std::size_t count, std::uint8_t value) {
    bytes.insert(bytes.end(), count, value);
    return *this;
  }
  Writer& append(const Bytes& more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
    return *this;
  }
  /// A pcapng block around a body.
  Writer& block(std::uint32_t type, const Bytes& body) {
    Bytes padded = body;
    padded.resize((body.size() + 3) / 4 * 4);
    return u32(type).u32(padded.size() + 12).append(padded).u32(padded.size() + 12);
  }
  Bytes bytes;

 private:
  Writer& number(std::uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) {
      bytes.push_back(static_cast<std::uint8_t>(value >> 8U * (is_big_ ? size - 1 - i : i)));
    }
    return *this;
  }
  bool is_big_;
};

struct Seen {
  std::vector<std::int64_t> micros;
  std::vector<std::size_t> sizes;
  std::vector<std::uint16_t> links;
  std::string interfaces;  ///< "name packets, "
  std::string error;
};

Seen read_all(const Bytes& bytes) {
  Seen seen;
  auto reader = open_capture(base::open_memory(bytes), "file");
  if (!reader) {
    seen.error = reader.error().message();
    return seen;
  }
  std::array<CapturedPacket, 7> packets;
  for (;;) {
    const auto count = (*reader)->read(packets);
    if (!count) {
      seen.error = count.error().message();
      return seen;
    }
    if (*count == 0) {
      for (const auto& [name, packets_on] : (*reader)->interfaces()) {
        seen.interfaces += name + " " + std::to_string(packets_on) + ", ";
      }
      return seen;
    }
    for (const auto& packet : std::span(packets).first(*count)) {
      seen.micros.push_back(packet.time.time_since_epoch().count());
      seen.sizes.push_back(packet.bytes.size());
      seen.links.push_back(packet.link_type);
      for (const std::uint8_t byte : packet.bytes) {
        if (byte != static_cast<std::uint8_t>(packet.bytes.size())) seen.error = "wrong bytes";
      }
    }
  }
}

Bytes pcap(bool is_big, std::uint32_t magic, const std::vector<std::size_t>& sizes) {
  Writer out(is_big);
  out.u32(magic).u16(2).u16(4).u32(0).u32(0).u32(262144).u32(1);
  std::uint32_t second = 100;
  for (const std::size_t size : sizes) {
    out.u32(second++).u32(5000).u32(size).u32(size + 10).fill(size,
                                                              static_cast<std::uint8_t>(size));
  }
  return out.bytes;
}

constexpr std::uint32_t kMicro = 0xa1b2c3d4;
constexpr std::uint32_t kNano = 0xa1b23c4d;

TEST(Pcap, BothByteOrdersAndBothClocks) {
  for (const bool is_big : {false, true}) {
    const Seen micro = read_all(pcap(is_big, kMicro, {60, 0, 1500}));
    EXPECT_EQ(micro.sizes, (std::vector<std::size_t>{60, 0, 1500}));
    EXPECT_EQ(micro.micros, (std::vector<std::int64_t>{100'005'000, 101'005'000, 102'005'000}));
    EXPECT_EQ(micro.error, "");
    EXPECT_EQ(read_all(pcap(is_big, kNano, {60})).micros, std::vector<std::int64_t>{100'000'005});
  }
}

TEST(Pcap, PacketsAcrossTheBuffersEdgeAreWhole) {
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < 5000; ++i) sizes.push_back(i * 7919 % 3000);
  sizes.push_back(1'000'000);
  sizes.push_back(12);
  const Seen seen = read_all(pcap(false, kMicro, sizes));
  EXPECT_EQ(seen.error, "");
  EXPECT_EQ(seen.sizes, sizes);
}

TEST(Pcap, AFileCutAnywhereGivesTheWholePacketsAndThenAnError) {
  const Bytes whole = pcap(false, kMicro, {60, 61, 62});
  for (std::size_t size = 25; size < whole.size(); ++size) {
    const Seen seen =
        read_all(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    const std::size_t packets = size >= 24 + 16 + 60 + 16 + 61 ? 2 : size >= 24 + 16 + 60 ? 1 : 0;
    EXPECT_EQ(seen.sizes.size(), packets) << size;
    const bool ends_between = size == 24 + 16 + 60 || size == 24 + 16 + 60 + 16 + 61;
    EXPECT_EQ(seen.error.empty(), ends_between) << size << seen.error;
  }
}

TEST(Pcap, AnImpossibleLengthIsAnErrorThatNamesThePlace) {
  Bytes bytes = pcap(false, kMicro, {60});
  Writer more;
  bytes.insert(bytes.end(), 8, 0);
  more.u32(0xfffffff0).u32(60);
  bytes.insert(bytes.end(), more.bytes.begin(), more.bytes.end());
  EXPECT_EQ(
      read_all(bytes).error,
      "file: a length of 4294967280 bytes is not possible for packet 2, at byte 100; what comes "
      "before it has been read");
}

Bytes section(bool is_big) {
  Writer body(is_big);
  body.u32(0x1a2b3c4d).u16(1).u16(0).u64(~0ULL);
  return Writer(is_big).block(0x0a0d0d0a, body.bytes).bytes;
}

Bytes interface(bool is_big, std::uint16_t link, int resolution, std::int64_t offset = 0,
                const std::string& name = {}) {
  Writer body(is_big);
  body.u16(link).u16(0).u32(0);
  if (!name.empty()) {
    body.u16(2).u16(name.size()).append(Bytes(name.begin(), name.end()));
    body.fill((4 - name.size() % 4) % 4, 0);
  }
  if (resolution >= 0) body.u16(9).u16(1).fill(1, static_cast<std::uint8_t>(resolution)).fill(3, 0);
  if (offset != 0) body.u16(14).u16(8).u64(static_cast<std::uint64_t>(offset));
  body.u32(0);
  return Writer(is_big).block(1, body.bytes).bytes;
}

Bytes enhanced(bool is_big, std::uint32_t number, std::uint64_t ticks, std::size_t size) {
  Writer body(is_big);
  body.u32(number).u32(ticks >> 32U).u32(ticks & 0xffffffffU).u32(size).u32(size);
  body.fill(size, static_cast<std::uint8_t>(size));
  return Writer(is_big).block(6, body.bytes).bytes;
}

TEST(Pcapng, InterfacesHaveTheirOwnLinkTypeClockAndOffset) {
  for (const bool is_big : {false, true}) {
    Writer file(is_big);
    file.append(section(is_big))
        .append(interface(is_big, 1, -1))
        .append(interface(is_big, 101, 9, 50));
    file.append(interface(is_big, 113, 0x80 | 10)).append(interface(is_big, 1, 3));
    file.append(enhanced(is_big, 0, 7'000'001, 60)).append(enhanced(is_big, 1, 7'000'002'500, 61));
    file.append(enhanced(is_big, 2, 7 * 1024 + 512, 62)).append(enhanced(is_big, 3, 7'250, 63));
    const Seen seen = read_all(file.bytes);
    EXPECT_EQ(seen.error, "");
    EXPECT_EQ(seen.micros,
              (std::vector<std::int64_t>{7'000'001, 57'000'002, 7'500'000, 7'250'000}));
    EXPECT_EQ(seen.links, (std::vector<std::uint16_t>{1, 101, 113, 1}));
  }
}

TEST(Pcapng, PacketsAreCountedByTheNamesOfTheirInterfaces) {
  for (const bool is_big : {false, true}) {
    Writer file(is_big);
    file.append(section(is_big)).append(interface(is_big, 1, 9, 0, "eth0"));
    file.append(interface(is_big, 1, 6)).append(enhanced(is_big, 0, 1, 60));
    file.append(enhanced(is_big, 1, 2, 61)).append(enhanced(is_big, 1, 3, 62));
    file.append(section(is_big)).append(interface(is_big, 101, 6, 0, "a\x1b[2Jb"));
    file.append(interface(is_big, 1, 6, 0, "eth0")).append(enhanced(is_big, 1, 4, 63));
    EXPECT_EQ(read_all(file.bytes).interfaces, "eth0 2, interface 1 2, a?[2Jb 0, ");
  }
}

TEST(Pcapng, InterfacesBeyondAnybodysNamesAreCountedTogether) {
  Writer file;
  file.append(section(false));
  for (unsigned i = 0; i < 70; ++i) {
    file.append(interface(false, 1, 6, 0, "if" + std::to_string(i)));
  }
  for (unsigned i = 0; i < 70; ++i) file.append(enhanced(false, i, i, 60));
  const Seen seen = read_all(file.bytes);
  EXPECT_EQ(seen.error, "");
  EXPECT_EQ(seen.interfaces.substr(seen.interfaces.find("if63")), "if63 1, other interfaces 6, ");
}

TEST(Pcapng, SectionsMayDifferInByteOrderAndStartTheirInterfacesAnew) {
  Writer file;
  file.append(section(false)).append(interface(false, 1, -1)).append(enhanced(false, 0, 1, 60));
  file.append(section(true)).append(interface(true, 101, -1)).append(enhanced(true, 0, 2, 61));
  const Seen seen = read_all(file.bytes);
  EXPECT_EQ(seen.error, "");
  EXPECT_EQ(seen.links, (std::vector<std::uint16_t>{1, 101}));
}

TEST(Pcapng, UnknownBlocksAreSteppedOverAndSimplePacketsTakeTheTimeBefore) {
  Writer simple;
  simple.u32(10).fill(10, 10);
  Writer file;
  file.append(section(false)).append(interface(false, 1, -1)).block(0x0bad, Bytes(40, 1));
  file.append(enhanced(false, 0, 77, 60)).block(3, simple.bytes);
  const Seen seen = read_all(file.bytes);
  EXPECT_EQ(seen.error, "");
  EXPECT_EQ(seen.micros, (std::vector<std::int64_t>{77, 77}));
  EXPECT_EQ(seen.sizes, (std::vector<std::size_t>{60, 10}));
}

TEST(Pcapng, APacketOfAnUndescribedInterfaceIsDamage) {
  Writer file;
  file.append(section(false)).append(enhanced(false, 3, 1, 60));
  EXPECT_NE(read_all(file.bytes).error.find("interface 3 is not described for packet 1"),
            std::string::npos);
}

TEST(Packed, ZstdFramesMayFollowEachOther) {
  const Bytes plain = pcap(false, kMicro, {60, 61, 62});
  Bytes packed;
  for (const auto& [begin, end] : {std::pair<std::ptrdiff_t, std::ptrdiff_t>{0, 50},
                                   {50, static_cast<std::ptrdiff_t>(plain.size())}}) {
    const Bytes part(plain.begin() + begin, plain.begin() + end);
    Bytes frame(ZSTD_compressBound(part.size()));
    frame.resize(ZSTD_compress(frame.data(), frame.size(), part.data(), part.size(), 3));
    packed.insert(packed.end(), frame.begin(), frame.end());
  }
  EXPECT_EQ(read_all(packed).sizes, (std::vector<std::size_t>{60, 61, 62}));
  packed.resize(packed.size() - 5);
  EXPECT_NE(read_all(packed).error.find("truncated"), std::string::npos);
}

TEST(OpenCapture, WhatIsNoCaptureIsNamed) {
  EXPECT_EQ(read_all({}).error, "file: is empty; a capture has at least a header");
  EXPECT_NE(read_all({'h', 'e', 'l', 'l', 'o'}).error.find("looks like text"), std::string::npos);
  EXPECT_NE(read_all({0x7f, 'E', 'L', 'F', 0}).error.find("looks like a program"),
            std::string::npos);
  EXPECT_NE(base::open_file("/").error().message().find("is a folder"), std::string::npos);
  EXPECT_NE(base::open_file("/no/such/file").error().message().find("cannot be opened"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::capture
