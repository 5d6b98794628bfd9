#include "capture/reader.h"

#include "capture/formats.h"

namespace weir::capture {
namespace {

/// What a file is that is no capture, for the most common mistakes.
std::string likely_kind(std::span<const std::uint8_t> bytes) {
  if (bytes.size() >= 4 && std::memcmp(bytes.data(),
                                       "\x7f"
                                       "ELF",
                                       4) == 0) {
    return "a program";
  }
  const bool is_text = std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) {
    return byte == '\n' || byte == '\r' || byte == '\t' || (byte >= ' ' && byte < 0x7f);
  });
  return is_text ? "text" : "";
}

}  // namespace

base::Expected<std::unique_ptr<Reader>> open_capture(std::unique_ptr<base::Input> input,
                                                     const std::string& name) {
  auto unpacked_input = base::unpacked(std::move(input));
  if (!unpacked_input) return tl::unexpected(unpacked_input.error());
  base::Buffer buffer(std::move(*unpacked_input));
  constexpr std::size_t kMagic = 4;
  if (auto filled = buffer.fill(kMagic); !filled) {
    return base::fail(name, filled.error().where + ": " + filled.error().what);
  }
  const auto bytes = buffer.available();
  if (bytes.empty()) return base::fail(name, "is empty", "a capture has at least a header");
  if (is_pcap(bytes)) return open_pcap(std::move(buffer), name);
  if (is_pcapng(bytes)) return open_pcapng(std::move(buffer), name);
  const std::string kind = likely_kind(bytes);
  return base::fail(name, "is not a capture" + (kind.empty() ? "" : " but looks like " + kind),
                    "give a pcap or pcapng file, as tcpdump and Wireshark write them; it may be "
                    "packed with gzip or zstd");
}

}  // namespace weir::capture
