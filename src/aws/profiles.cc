#include "aws/profiles.h"

#include <algorithm>
#include <cerrno>

#include "aws/words.h"
#include "base/file_error.h"
#include "base/read_file.h"

namespace weir::aws {
namespace {

/// "$NAME" and "${NAME}" become the variable's value where it is set.
std::string expanded(const Environment& environment, std::string_view text) {
  constexpr std::string_view kOfNames =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
  std::string out;
  while (!text.empty()) {
    const bool is_braced = text.starts_with("${");
    const std::size_t begin = is_braced ? 2 : 1;
    const std::size_t end =
        is_braced ? text.find('}') : std::min(text.find_first_not_of(kOfNames, 1), text.size());
    std::string value;
    std::size_t length = 1;
    if (text.front() == '$' && end != std::string_view::npos) {
      value = environment.variable(std::string(text.substr(begin, end - begin)).c_str());
      length = is_braced ? end + 1 : end;
    }
    out += value.empty() ? text.substr(0, length) : value;
    text.remove_prefix(length);
  }
  return out;
}

/// "~/x" and "" for a variable that is not set.
std::string path_of(const Environment& environment, const char* variable, const char* usual) {
  std::string path = environment.variable(variable);
  path = path.empty() ? usual : expanded(environment, path);
  if (path.starts_with("~/")) path = environment.variable("HOME") + path.substr(1);
  return path;
}

base::Expected<std::vector<Section>> read_sections(const std::string& path,
                                                   std::optional<base::Error>& unreadable) {
  const auto text = base::read_file(path);
  if (!text && text.error() != ENOENT && text.error() != ENOTDIR) {
    unreadable = base::file_error(path, "read", text.error());
  }
  return parse_sections(text.value_or(""), path);
}

/// "dev" of "profile dev" or "profile 'dev'"; nothing of other sections.
std::optional<std::string> name_after(std::string_view word, std::string_view section) {
  if (!section.starts_with(word)) return std::nullopt;
  auto words = split_words(section);
  if (!words || words->size() != 2) return std::nullopt;
  return std::move(words->back());
}

}  // namespace

bool Profile::is_shared(std::string_view name) const {
  const auto place = credentials.find(name);
  return place != credentials.end() && !place->second.empty();
}

std::string Profile::get(std::string_view name) const {
  if (is_shared(name)) return credentials.find(name)->second;
  const auto place = config.find(name);
  return place == config.end() ? std::string() : place->second;
}

base::Expected<Profiles> Profiles::read(const Environment& environment) {
  Profiles out;
  out.config_path = path_of(environment, "AWS_CONFIG_FILE", "~/.aws/config");
  out.credentials_path = path_of(environment, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
  auto config = read_sections(out.config_path, out.unreadable);
  if (!config) return tl::unexpected(config.error());
  for (auto& [name, settings] : *config) {
    if (name == "default") out.profiles[name].config = settings;
    if (const auto profile = name_after("profile", name)) out.profiles[*profile].config = settings;
    if (const auto service = name_after("services", name)) out.services[*service] = settings;
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
