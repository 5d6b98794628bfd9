// What a line or an object is by its first words or bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weir::logs {

/// The words of a line, between which one space each stands.
std::vector<std::string> split(std::string_view line);

/// The names in the form in which AWS's logs print them, if the line is a header: nothing but
/// names, in any case and with dashes or underscores. Names from the future are some too, so long
/// as half of the words, or three, are fields that are known.
std::optional<std::vector<std::string>> header_of(std::string_view line);

/// Of ASCII; asked of every line.
inline bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
/// Of a field that is known, in any form that a header may have.
bool is_field_name(std::string_view word);

/// Windows puts a byte order mark in front of a file, which a concatenation has in its middle.
std::string_view without_mark(std::string_view line);

/// Error: it begins as other packers and formats do.
base::Expected<void> check_kind(std::string_view front);

}  // namespace weir::logs
