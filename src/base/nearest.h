// "Did you mean …?"
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace weir::base {

/// The known word that takes the fewest changed, added or left out letters, the first of several;
/// nothing if that is more than half of `word`, or `word` is absurdly long.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> known);

}  // namespace weir::base
