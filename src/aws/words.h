// Words as a shell tells them apart, without expanding anything.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::aws {

/// The words of `text`: between spaces, unless quoted by ' or ", or by \. Nothing: a quote is not
/// closed, or nothing follows a \.
std::optional<std::vector<std::string>> split_words(std::string_view text);

}  // namespace weir::aws
