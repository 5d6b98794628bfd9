// A segment on disk: its payload, and behind it two lines that say what it is.
//
// The description stands at the end because a payload is written before it is known how long it
// is, and so the payload can be sent from the file as it lies. The last line is of fixed length:
//
//   {payload}
//   {"bytes":1234,"crc32":"…","key":"…","records":7,"sequence":42,"sha256":"…","windows":{…}}
//   weir-spool-1 0000000123 0badcafe
//
// with the length of the line before it, its two line breaks included, and their CRC-32. What is
// read is held against gzip's CRC-32, which any language can compute; the SHA-256, of objects
// alone, is for who sends them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/error.h"
#include "deliver/coverage.h"
#include "deliver/disk.h"

namespace weir::deliver {

/// What is said of a segment when it is sealed.
struct Sealing {
  std::string key;  ///< UTF-8; the same however often the payload is sent
  std::uint64_t records = 0;
  Coverage coverage;  ///< what its loss would have to be told of
  /// Of the payload, where who wrote it knows it: who sends it need not read it for that.
  std::optional<base::Sha256> sha256 = std::nullopt;
};

/// A segment as its last lines describe it.
struct SegmentDescription {
  Sealing sealing;
  std::uint64_t sequence = 0;
  std::uint64_t bytes = 0;  ///< of the payload
  std::uint32_t crc32 = 0;  ///< of the payload
  /// Before its last lines so many bytes are there: another number than `bytes` is damage.
  std::uint64_t found_bytes = 0;
};

/// What is appended to a payload to make it a segment.
std::string segment_ending(const SegmentDescription& description);

// Of what is read, nothing is what was damaged; an error is the disk's or the system's, says
// nothing of what the file holds, and may pass.

/// Reads the last lines, whatever lies before them. Nothing: they are not there, or not whole.
base::Expected<std::optional<SegmentDescription>> read_segment_ending(
    Disk& disk, const std::filesystem::path& file);

/// CRC-32 of the file's first `bytes` bytes. Nothing: it is shorter.
base::Expected<std::optional<std::uint32_t>> payload_checksum(Disk& disk,
                                                              const std::filesystem::path& file,
                                                              std::uint64_t bytes);

/// A line of JSON with the line of fixed length behind it, and what stands in one.
std::string with_last_line(const std::string& json);
base::Expected<std::optional<std::string>> read_before_last_line(Disk& disk,
                                                                 const std::filesystem::path& file);

/// {"key":"…","records":7,"windows":{…}}, and back; nothing: it is no such text. What is said when
/// the segment is lost: not its hash.
std::string to_json(const Sealing& sealing);
std::optional<Sealing> sealing_of_json(std::string_view text);

/// {"eni-…":[[start,end],…]}, and back; nothing: it is no such text.
std::string to_json(const Coverage& coverage);
std::optional<Coverage> coverage_of_json(std::string_view text);

}  // namespace weir::deliver
