#include "logs/header.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "record/catalogue.h"

namespace weir::logs {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// A field's name as AWS's logs print it, of whatever case, and with the underscores of a table.
std::string name_of(std::string_view word) {
  std::string name(word);
  for (char& c : name) c = c == '_' ? '-' : lower(c);
  return name;
}

/// Lengths and first letters of fields' names: what has another is no name, which spares most
/// look-ups.
class NameShapes {
 public:
  NameShapes() {
    for (const record::Field& field : record::catalogue()) {
      lengths_[letter(field.name)] |= std::uint64_t{1} << field.name.size();
    }
  }
  [[nodiscard]] bool may_be_name(std::string_view word) const {
    return !word.empty() && is_letter(word.front()) && word.size() < 64 &&
           (lengths_[letter(word)] >> word.size() & 1U) != 0;
  }

 private:
  static std::size_t letter(std::string_view word) {
    return static_cast<std::size_t>(lower(word.front()) - 'a');
  }
  std::array<std::uint64_t, 'z' - 'a' + 1> lengths_{};
};

}  // namespace

std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> out;
  for (;;) {
    const std::size_t space = line.find(' ');
    out.emplace_back(line.substr(0, space));
    if (space == std::string_view::npos) return out;
    line.remove_prefix(space + 1);
  }
}

std::optional<std::vector<std::string>> header_of(std::string_view line) {
  std::vector<std::string> words = split(line);
  std::size_t known = 0;
  for (std::string& word : words) {
    word = name_of(word);
    const bool is_name = !word.empty() && word.front() >= 'a' && word.front() <= 'z' &&
                         std::all_of(word.begin(), word.end(), [](char c) {
                           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                         });
    if (!is_name) return std::nullopt;
    known += record::find_field(word) != nullptr ? 1U : 0U;
  }
  if (known < 3 && known * 2 < words.size()) return std::nullopt;
  return words;
}

bool is_field_name(std::string_view word) {
  static const NameShapes shapes;
  return shapes.may_be_name(word) && record::find_field(name_of(word)) != nullptr;
}

std::string_view without_mark(std::string_view line) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (line.starts_with(kMark)) line.remove_prefix(kMark.size());
  return line;
}

base::Expected<void> check_kind(std::string_view front) {
  struct Kind {
    std::string_view magic;
    std::string_view name;
  };
  constexpr std::array kKinds = {
      Kind{"BZh", "bzip2"},
      Kind{"PK\x03\x04", "a ZIP archive"},
      Kind{std::string_view("\xfd"
                            "7zXZ\0",
                            6),
           "xz"},
      Kind{"\x04\x22\x4d\x18", "LZ4"},
      Kind{"7z\xbc\xaf", "a 7-Zip archive"},
      Kind{"PAR1", "Parquet inside of something else"},
  };
  for (const Kind& kind : kKinds) {
    if (!front.starts_with(kind.magic)) continue;
    return base::fail("", "is " + std::string(kind.name),
                      "unpack it: flow logs are read as text, gzip, zstd or Parquet");
  }
  return {};
}

}  // namespace weir::logs
