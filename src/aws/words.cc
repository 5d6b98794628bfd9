#include "aws/words.h"

namespace weir::aws {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";

/// Takes what is quoted, up to the closing quote; false if there is none.
bool take_quoted(std::string_view& text, std::string& word) {
  const char quote = text.front();
  for (text.remove_prefix(1); !text.empty(); text.remove_prefix(1)) {
    if (text.front() == quote) return true;
    if (quote == '"' && text.front() == '\\') {
      if (text.size() == 1) return false;
      if (text[1] == '"' || text[1] == '\\') text.remove_prefix(1);
    }
    word += text.front();
  }
  return false;
}

/// Takes one word, at whose beginning `text` stands; false if it does not end.
bool take_word(std::string_view& text, std::string& word) {
  for (; !text.empty(); text.remove_prefix(1)) {
    const char next = text.front();
    if (kSpaces.find(next) != std::string_view::npos) return true;
    if (next == '\'' || next == '"') {
      if (!take_quoted(text, word)) return false;
      continue;
    }
    if (next == '\\') {
      text.remove_prefix(1);
      if (text.empty()) return false;
    }
    word += text.front();
  }
  return true;
}

}  // namespace

std::optional<std::vector<std::string>> split_words(std::string_view text) {
  std::vector<std::string> words;
  for (;;) {
    const std::size_t begin = text.find_first_not_of(kSpaces);
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    words.emplace_back();
    if (!take_word(text, words.back())) return std::nullopt;
  }
}

}  // namespace weir::aws
