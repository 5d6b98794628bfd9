// What the two capture formats share. Internal to this folder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "capture/reader.h"

namespace weir::capture {

/// The largest packet that is believed: twice what Linux hands up in one piece.
constexpr std::uint32_t kMaxPacketBytes = std::uint32_t{1} << 20U;

/// Numbers in the byte order of a file's writer.
class ByteOrder {
 public:
  explicit ByteOrder(bool is_swapped = false) : is_swapped_(is_swapped) {}
  [[nodiscard]] std::uint16_t u16(const std::uint8_t* at) const {
    std::uint16_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return is_swapped_ ? __builtin_bswap16(value) : value;
  }
  [[nodiscard]] std::uint32_t u32(const std::uint8_t* at) const {
    std::uint32_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return is_swapped_ ? __builtin_bswap32(value) : value;
  }
  [[nodiscard]] std::uint64_t u64(const std::uint8_t* at) const {
    std::uint64_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return is_swapped_ ? __builtin_bswap64(value) : value;
  }

 private:
  bool is_swapped_;
};

/// A reader that goes packet by packet through a buffer. The format says what the next element is;
/// when to read on, to hand out, and to fail is the same for both.
class BufferedReader : public Reader {
 public:
  BufferedReader(base::Buffer buffer, std::string name)
      : buffer_(std::move(buffer)), name_(std::move(name)) {}

  base::Expected<std::size_t> read(std::span<CapturedPacket> packets) final {
    std::size_t count = 0;
    while (!has_ended_ && count < packets.size()) {
      const Step step = next(packets[count]);
      if (step.kind == Step::packet) {
        ++count;
        ++packets_;
      } else if (step.kind == Step::more) {
        // Reading on moves the bytes that packets handed out point to.
        if (count > 0) break;
        if (!fill(step.bytes)) break;
      } else if (step.kind == Step::damage) {
        end_with(step.what);
      }
    }
    if (count == 0 && error_) {
      base::Error error = std::move(*error_);
      error_.reset();
      return tl::unexpected(std::move(error));
    }
    return count;
  }

  [[nodiscard]] const base::Input& input() const final { return buffer_.input(); }

 protected:
  /// What a look at the buffer brought: a packet; something else, stepped over; the need for
  /// `bytes` bytes in a row; or damage.
  struct Step {
    enum Kind { packet, skipped, more, damage } kind = skipped;
    std::size_t bytes = 0;
    std::string what{};
  };
  virtual Step next(CapturedPacket& packet) = 0;

  base::Buffer& buffer() { return buffer_; }

 private:
  /// False when the reader has come to its end, good or bad.
  bool fill(std::size_t bytes) {
    if (auto filled = buffer_.fill(bytes); !filled) {
      base::Error error = std::move(filled.error());
      error.where = error.where.empty() ? name_ : name_ + " (" + error.where + ")";
      error.what += ", after packet " + std::to_string(packets_);
      return end(std::move(error));
    }
    if (buffer_.available().size() >= bytes) return true;
    if (buffer_.available().empty()) {
      has_ended_ = true;
      return false;
    }
    end_with("the file ends in the middle of");
    return false;
  }

  void end_with(const std::string& what) {
    end({name_,
         what + " packet " + std::to_string(packets_ + 1) + ", at byte " +
             std::to_string(buffer_.offset()),
         "what comes before it has been read"});
  }

  bool end(base::Error error) {
    has_ended_ = true;
    error_ = std::move(error);
    return false;
  }

  base::Buffer buffer_;
  std::string name_;
  std::uint64_t packets_ = 0;
  bool has_ended_ = false;
  std::optional<base::Error> error_;
};

/// Both expect their magic number at the front of the buffer, and errors say what is wrong with the
/// file's own header.
base::Expected<std::unique_ptr<Reader>> open_pcap(base::Buffer buffer, const std::string& name);
base::Expected<std::unique_ptr<Reader>> open_pcapng(base::Buffer buffer, const std::string& name);
bool is_pcap(std::span<const std::uint8_t> bytes);
bool is_pcapng(std::span<const std::uint8_t> bytes);

}  // namespace weir::capture
