// What a terminal may be shown of text that somebody else wrote.
#pragma once

#include <string>
#include <string_view>

namespace weir::base {

/// The text with a dot for each control character (C0, DEL, C1), for each character that reorders
/// what stands around it, and for each byte that is no UTF-8.
std::string printable(std::string_view text);

}  // namespace weir::base
