// From AWS's JSON to a checked Network.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "vpc/network.h"

namespace weir::vpc {

/// Reads one file, or every *.json of a folder (sorted by name) as one description. Unknown keys
/// are ignored; a missing reference, a value outside AWS's limits or a duplicate is an error that
/// names file, object and field ("vpc.json: NetworkAcls[2].Entries[5].RuleNumber: …").
base::Expected<Network> read_network(const std::filesystem::path& path);

/// The same for text that is already in memory; `name` stands for the file in errors.
base::Expected<Network> parse_network(std::string_view json, const std::string& name);

}  // namespace weir::vpc
