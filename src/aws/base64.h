// Bytes as text, as headers and JSON carry them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace weir::aws {

/// RFC 4648's first alphabet, padded, without line breaks.
std::string base64(std::span<const std::uint8_t> bytes);

}  // namespace weir::aws
