// The text of ~/.aws/config and ~/.aws/credentials.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weir::aws {

/// The settings of a section; those of an indented block as "s3.addressing_style".
using Settings = std::map<std::string, std::string, std::less<>>;

/// One [NAME], as written: "default", "profile dev".
struct Section {
  std::string name;
  Settings settings;
};

/// The sections of a text in its order, as Python's RawConfigParser reads them, which the CLI uses:
/// names of settings in lower case, those of [DEFAULT] in every section, nothing twice; what is
/// indented more than a setting belongs to its value. Error: what the CLI cannot read either; the
/// text of the line is not shown, since it may be a key.
base::Expected<std::vector<Section>> parse_sections(std::string_view text, const std::string& path);

}  // namespace weir::aws
