// Captures: pcap and pcapng, plain, gzip or zstd.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"
#include "base/input.h"
#include "base/time.h"

namespace weir::capture {

/// One packet as captured. `bytes` is what the file holds of it, which may be less than was on the
/// wire (`wire_length`). The view stays valid until the reader's next call.
struct CapturedPacket {
  base::UnixMicros time;  ///< finer clocks are cut to microseconds
  std::span<const std::uint8_t> bytes;
  std::uint32_t wire_length = 0;  ///< bytes on the wire, link header included
  std::uint16_t link_type = 0;    ///< LINKTYPE_…, as registered by tcpdump.org
};

/// An interface of the machine that captured, by the capture's own name for it: printable ASCII, or
/// "interface 2" where the capture names none. Beyond the 64th they are "other interfaces".
struct CaptureInterface {
  std::string name;
  std::uint64_t packets = 0;  ///< handed out so far
};

/// Reads packets in the file's order. Hostile input: every length is checked against what is left,
/// and no allocation follows an unchecked length.
class Reader {
 public:
  virtual ~Reader() = default;

  /// Fills the front of `packets` and returns how many; 0 at the end of the capture. What was read
  /// before a damaged place is always handed out: the error comes from the call after, and says at
  /// which packet and byte the damage is. After an error the reader has ended.
  virtual base::Expected<std::size_t> read(std::span<CapturedPacket> packets) = 0;

  /// The interfaces described so far, those of one name as one; none where the format does not tell
  /// (pcap).
  [[nodiscard]] virtual std::span<const CaptureInterface> interfaces() const { return {}; }

  /// Bytes of the (still packed) file consumed so far, and its size (0 if not known): progress.
  [[nodiscard]] virtual const base::Input& input() const = 0;
};

/// `name` stands for the file in errors. Errors: cannot be read, empty, not a capture.
base::Expected<std::unique_ptr<Reader>> open_capture(std::unique_ptr<base::Input> input,
                                                     const std::string& name);

}  // namespace weir::capture
