#include "aws/sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "aws/request.h"

namespace weir::aws {
namespace {

constexpr std::string_view kSpace = " \t\r\n\v\f";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// Takes a text line by line.
class Parser {
 public:
  explicit Parser(std::string path) : path_(std::move(path)) {}

  base::Expected<void> take(std::string_view line) {
    ++number_;
    const std::string_view content = trimmed(line);
    if (content.starts_with('#') || content.starts_with(';')) return {};
    if (content.empty()) {
      if (value_ != nullptr) *value_ += '\n';
      return {};
    }
    const std::size_t indent = line.find_first_not_of(kSpace);
    if (value_ != nullptr && indent > indent_) {
      value_->append("\n").append(content);
      return {};
    }
    indent_ = indent;
    const std::size_t close = content.rfind(']');
    if (content.front() == '[' && close != std::string_view::npos && close > 1) {
      return take_header(std::string(content.substr(1, close - 1)));
    }
    return take_setting(content);
  }

  base::Expected<std::vector<Section>> finish() {
    for (Section& section : sections_) {
      section.settings.insert(defaults_.begin(), defaults_.end());
      auto unfolded = with_blocks(section);
      if (!unfolded) return tl::unexpected(unfolded.error());
      section.settings = std::move(*unfolded);
    }
    return std::move(sections_);
  }

 private:
  [[nodiscard]] std::string where() const { return fmt::format("{}:{}", path_, number_); }

  base::Expected<void> take_header(std::string name) {
    value_ = nullptr;
    is_in_section_ = true;
    is_default_ = name == "DEFAULT";
    if (is_default_) return {};
    if (!names_.insert(name).second) {
      return base::fail(where(), "[" + name + "] is there twice", "keep one");
    }
    sections_.push_back({std::move(name), {}});
    return {};
  }

  base::Expected<void> take_setting(std::string_view content) {
    const std::size_t equals = content.find_first_of("=:");
    if (!is_in_section_ || equals == std::string_view::npos || equals == 0) {
      return base::fail(where(), "is neither [section] nor setting = value", "mend the file");
    }
    std::string name = lowered(trimmed(content.substr(0, equals)));
    Settings& settings = is_default_ ? defaults_ : sections_.back().settings;
    const auto [place, is_new] =
        settings.emplace(std::move(name), trimmed(content.substr(equals + 1)));
    if (!is_new) return base::fail(where(), "its section has this setting already", "keep one");
    value_ = &place->second;
    return {};
  }

  /// A value that begins in the next line is a block of settings.
  [[nodiscard]] base::Expected<Settings> with_blocks(const Section& section) const {
    Settings out;
    for (const auto& [name, folded] : section.settings) {
      // Empty lines behind it are none of its own.
      const std::string_view value =
          std::string_view(folded).substr(0, folded.find_last_not_of(kSpace) + 1);
      if (!value.starts_with('\n')) {
        out.emplace(name, value);
        continue;
      }
      if (!take_block(name, value, out)) {
        return base::fail(fmt::format("{} [{}] {}", path_, section.name, name),
                          "a line of it is no setting = value", "mend the file");
      }
    }
    return out;
  }

  static bool take_block(const std::string& name, std::string_view lines, Settings& out) {
    while (!lines.empty()) {
      const std::size_t end = std::min(lines.find('\n'), lines.size());
      const std::string_view line = lines.substr(0, end);
      lines.remove_prefix(std::min(end + 1, lines.size()));
      if (line.empty()) continue;
      const std::size_t equals = line.find('=');
      if (equals == std::string_view::npos) return false;
      out.insert_or_assign(fmt::format("{}.{}", name, trimmed(line.substr(0, equals))),
                           std::string(trimmed(line.substr(equals + 1))));
    }
    return true;
  }

  std::string path_;
  std::size_t number_ = 0;
  std::size_t indent_ = 0;
  std::vector<Section> sections_;
  std::set<std::string> names_;  ///< of them
  Settings defaults_;
  bool is_in_section_ = false;
  bool is_default_ = false;
  std::string* value_ = nullptr;  ///< of the setting that an indented line belongs to
};

}  // namespace

base::Expected<std::vector<Section>> parse_sections(std::string_view text,
                                                    const std::string& path) {
  Parser parser(path);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    auto taken = parser.take(text.substr(0, end));
    if (!taken) return tl::unexpected(taken.error());
    text.remove_prefix(end);
    text.remove_prefix(text.starts_with("\r\n") ? 2 : std::min<std::size_t>(1, text.size()));
  }
  return parser.finish();
}

}  // namespace weir::aws
