#include "query/parquet_page.h"

namespace weir::query {
namespace {

/// PageHeader in parquet.thrift, field 3.
constexpr std::int64_t kCompressedPageSize = 3;

/// As Thrift's compact protocol numbers them. A page's header has no lists and no maps.
enum class Type : std::uint8_t {
  stop = 0,
  yes = 1,
  no = 2,
  byte = 3,
  i16 = 4,
  i32 = 5,
  i64 = 6,
  number = 7,  ///< double
  binary = 8,
  structure = 12,
};

class PageHeader {
 public:
  explicit PageHeader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  /// Header and content.
  std::optional<std::uint64_t> page_length() {
    constexpr std::int64_t kLargest = INT32_MAX;
    if (!read_structure(0) || !content_ || *content_ < 0 || *content_ > kLargest) {
      return std::nullopt;
    }
    return at_ + static_cast<std::uint64_t>(*content_);
  }

 private:
  bool skip(std::uint64_t count) {
    if (count > bytes_.size() - at_) return false;
    at_ += count;
    return true;
  }

  std::optional<std::uint64_t> read_varint() {
    constexpr unsigned kBits = 7;
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ < bytes_.size(); shift += kBits) {
      const std::uint8_t byte = bytes_[at_++];
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::optional<std::int64_t> read_zigzag() {
    const auto value = read_varint();
    if (!value) return std::nullopt;
    return static_cast<std::int64_t>((*value >> 1U) ^ (~(*value & 1U) + 1U));
  }

  bool read_structure(unsigned depth) {
    constexpr unsigned kDeepest = 4;  // header, data page's header, statistics
    if (depth > kDeepest) return false;
    for (std::int64_t field = 0; at_ < bytes_.size();) {
      const std::uint8_t head = bytes_[at_++];
      const auto type = static_cast<Type>(head & 0x0FU);
      if (type == Type::stop) return true;
      if (const unsigned step = head >> 4U; step != 0) {
        field += step;
      } else {
        const auto number = read_zigzag();
        if (!number) return false;
        field = *number;
      }
      if (!read_value(type, depth, depth == 0 && field == kCompressedPageSize)) return false;
    }
    return false;
  }

  bool read_value(Type type, unsigned depth, bool is_content) {
    switch (type) {
      case Type::yes:
      case Type::no:
        return true;
      case Type::byte:
        return skip(1);
      case Type::i16:
      case Type::i32:
      case Type::i64: {
        const auto value = read_zigzag();
        if (is_content) content_ = value;
        return value.has_value();
      }
      case Type::number:
        return skip(sizeof(double));
      case Type::binary: {
        const auto length = read_varint();
        return length && skip(*length);
      }
      case Type::structure:
        return read_structure(depth + 1);
      default:
        return false;
    }
  }

  std::span<const std::uint8_t> bytes_;
  std::uint64_t at_ = 0;
  std::optional<std::int64_t> content_;
};

}  // namespace

std::optional<std::uint64_t> page_length(std::span<const std::uint8_t> front) {
  return PageHeader(front).page_length();
}

}  // namespace weir::query
