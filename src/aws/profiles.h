// The files that the AWS CLI shares: ~/.aws/config and ~/.aws/credentials.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "aws/environment.h"
#include "base/error.h"

namespace weir::aws {

/// The settings of a section; those of an indented block as "s3.addressing_style".
using Settings = std::map<std::string, std::string, std::less<>>;

/// One profile, as both files tell it.
struct Profile {
  Settings config;
  Settings credentials;

  /// "" if it is in neither; the credentials file comes first.
  [[nodiscard]] std::string get(std::string_view name) const;
};

struct Profiles {
  std::map<std::string, Profile, std::less<>> profiles;
  std::map<std::string, Settings, std::less<>> services;  ///< [services NAME] of the config file
  std::string config_path;
  std::string credentials_path;

  std::optional<base::Error> unreadable;  ///< of a file that may be there

  /// Reads what AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name, or the usual two. Files that
  /// are not there, or cannot be read, are empty, as for the CLI. Error: a line that is neither
  /// section, setting nor comment; its text is not shown, since it may be a key.
  static base::Expected<Profiles> read(const Environment& environment);

  [[nodiscard]] const Profile* find(std::string_view name) const;
  /// What to tell of something that was not found: the file that cannot be read comes first.
  [[nodiscard]] base::Error explained(base::Error missing) const;
};

/// The sections of one such text, by their names as written: "default", "profile dev".
base::Expected<std::map<std::string, Settings>> parse_sections(std::string_view text,
                                                               const std::string& path);

}  // namespace weir::aws
