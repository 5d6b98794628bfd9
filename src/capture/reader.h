// Capture files: pcap and pcapng, plain, gzip or zstd, from a file or standard input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"
#include "base/time.h"

namespace weir::capture {

/// One packet as captured. `bytes` is what the file holds of it, which may be less than was on the
/// wire (`wire_length`). The view stays valid until the reader's next call.
struct CapturedPacket {
  base::UnixMicros time;  ///< finer clocks are cut to microseconds
  std::span<const std::uint8_t> bytes;
  std::uint32_t wire_length = 0;  ///< bytes on the wire, link header included
  std::uint16_t link_type = 0;    ///< LINKTYPE_…, as registered by tcpdump.org
  std::uint16_t interface = 0;    ///< pcapng interface number in its section; 0 in pcap
};

/// Reads packets in the file's order. Hostile input: every length is checked against what is left,
/// no allocation follows an unchecked length.
class Reader {
 public:
  virtual ~Reader() = default;

  /// Fills the front of `packets` and returns how many; 0 at the end of the capture. What was read
  /// before a damaged place is always handed out: the error comes from the call after, and says at
  /// which packet and byte the damage is. After an error the reader has ended.
  virtual base::Expected<std::size_t> read(std::span<CapturedPacket> packets) = 0;

  /// Bytes of the (still compressed) input consumed so far and in all (0 if not known): progress.
  [[nodiscard]] virtual std::uint64_t bytes_consumed() const = 0;
  [[nodiscard]] virtual std::uint64_t bytes_total() const = 0;
};

/// Opens `path` ("-" is standard input). Errors: cannot be opened, empty, not a capture.
base::Expected<std::unique_ptr<Reader>> open_capture(const std::string& path);

}  // namespace weir::capture
