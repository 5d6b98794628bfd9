// The pages of a Parquet column, as far as it takes to see where each ends.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace weir::query {

/// The length of a page, its header (Thrift's compact form) and its content. `front`: the file from
/// the page's first byte on, or enough of it. Nothing: no page begins there, as among zeros, or its
/// header is longer than that.
std::optional<std::uint64_t> page_length(std::span<const std::uint8_t> front);

}  // namespace weir::query
