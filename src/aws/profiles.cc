#include "aws/profiles.h"

#include <fmt/format.h>

#include <cerrno>

#include "base/file_error.h"
#include "base/read_file.h"

namespace weir::aws {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// "~/x" and "" for a variable that is not set.
std::string path_of(const Environment& environment, const char* variable, const char* usual) {
  std::string path = environment.variable(variable);
  if (path.empty()) path = usual;
  if (path.starts_with("~/")) path = environment.variable("HOME") + path.substr(1);
  return path;
}

base::Expected<std::map<std::string, Settings>> read_sections(
    const std::string& path, std::optional<base::Error>& unreadable) {
  const auto text = base::read_file(path);
  if (!text && text.error() != ENOENT && text.error() != ENOTDIR) {
    unreadable = base::file_error(path, "read", text.error());
  }
  return parse_sections(text.value_or(""), path);
}

/// "profile dev" and "profile  dev" are "dev".
std::string_view after_word(std::string_view name, std::string_view word) {
  if (!name.starts_with(word)) return {};
  const std::string_view rest = name.substr(word.size());
  return rest.empty() || (rest.front() != ' ' && rest.front() != '\t') ? std::string_view()
                                                                       : trimmed(rest);
}

}  // namespace

std::string Profile::get(std::string_view name) const {
  if (const auto place = credentials.find(name); place != credentials.end()) return place->second;
  if (const auto place = config.find(name); place != config.end()) return place->second;
  return {};
}

base::Expected<std::map<std::string, Settings>> parse_sections(std::string_view text,
                                                               const std::string& path) {
  std::map<std::string, Settings> sections;
  Settings* section = nullptr;
  std::string block;  // the setting without a value that indented ones belong to
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const std::string_view content = trimmed(line);
    if (content.empty() || content.front() == '#' || content.front() == ';') continue;
    const std::string where = fmt::format("{}:{}", path, number);
    const bool is_indented = line.front() == ' ' || line.front() == '\t';
    if (content.front() == '[') {
      const std::size_t close = content.find(']');
      if (close == std::string_view::npos) return base::fail(where, "a [ is not closed");
      std::string name(trimmed(content.substr(1, close - 1)));
      std::erase(name, '"');
      section = &sections[name];
      block.clear();
      continue;
    }
    const std::size_t equals = content.find('=');
    if (equals == std::string_view::npos || section == nullptr) {
      if (is_indented && section != nullptr)
        continue;  // the further lines of a value: none of ours
      return base::fail(where, "is neither [section] nor setting = value", "mend the file");
    }
    std::string name(trimmed(content.substr(0, equals)));
    std::string value(trimmed(content.substr(equals + 1)));
    if (is_indented && !block.empty()) {
      section->insert_or_assign(fmt::format("{}.{}", block, name), std::move(value));
      continue;
    }
    block = value.empty() ? name : "";
    section->insert_or_assign(std::move(name), std::move(value));
  }
  return sections;
}

base::Expected<Profiles> Profiles::read(const Environment& environment) {
  Profiles out;
  out.config_path = path_of(environment, "AWS_CONFIG_FILE", "~/.aws/config");
  out.credentials_path = path_of(environment, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
  auto config = read_sections(out.config_path, out.unreadable);
  if (!config) return tl::unexpected(config.error());
  for (auto& [name, settings] : *config) {
    if (name == "default") out.profiles[name].config = settings;
    if (const auto profile = after_word(name, "profile"); !profile.empty()) {
      out.profiles[std::string(profile)].config = settings;
    }
    if (const auto service = after_word(name, "services"); !service.empty()) {
      out.services[std::string(service)] = settings;
    }
  }
  auto credentials = read_sections(out.credentials_path, out.unreadable);
  if (!credentials) return tl::unexpected(credentials.error());
  for (auto& [name, settings] : *credentials) out.profiles[name].credentials = settings;
  return out;
}

const Profile* Profiles::find(std::string_view name) const {
  const auto place = profiles.find(name);
  return place == profiles.end() ? nullptr : &place->second;
}

base::Error Profiles::explained(base::Error missing) const {
  if (!unreadable) return missing;
  missing.hint.clear();
  return {unreadable->where, unreadable->what + ", and without it: " + missing.message(),
          unreadable->hint};
}

}  // namespace weir::aws
