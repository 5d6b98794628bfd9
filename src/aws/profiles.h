// The files that the AWS CLI shares: ~/.aws/config and ~/.aws/credentials.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "aws/environment.h"
#include "aws/sections.h"
#include "base/error.h"

namespace weir::aws {

/// One profile, as both files tell it.
struct Profile {
  Settings config;
  Settings credentials;

  /// It is in the credentials file, which comes first.
  [[nodiscard]] bool is_shared(std::string_view name) const;
  /// "" if it is in neither. An empty one is not there.
  [[nodiscard]] std::string get(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return !get(name).empty(); }
};

struct Profiles {
  std::map<std::string, Profile, std::less<>> profiles;
  std::map<std::string, Settings, std::less<>> services;  ///< [services NAME] of the config file
  std::string config_path;
  std::string credentials_path;

  std::optional<base::Error> unreadable;  ///< of a file that may be there

  /// Reads what AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name, or the usual two. Files that
  /// are not there, or cannot be read, are empty, as for the CLI. Error: `parse_sections`'.
  static base::Expected<Profiles> read(const Environment& environment);

  [[nodiscard]] const Profile* find(std::string_view name) const;
  /// What to tell of something that was not found: the file that cannot be read comes first.
  [[nodiscard]] base::Error explained(base::Error missing) const;
};

}  // namespace weir::aws
