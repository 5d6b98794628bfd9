// What a terminal may be shown of text that somebody else wrote.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::base {

/// The text with a dot for each control character (C0, DEL, C1), for each character that reorders
/// what stands around it, and for each byte that is no UTF-8.
std::string printable(std::string_view text);

/// How many characters (code points) wide it is, so that a name with an accent does not shift its
/// row.
std::size_t width(std::string_view text);

}  // namespace weir::base
