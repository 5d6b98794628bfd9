// From AWS's JSON to a checked Network.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "vpc/network.h"

namespace weir::vpc {

/// What a description holds, and everything that is wrong with it. The network is whole only when
/// there are no errors.
struct Reading {
  Network network;
  std::vector<base::Error> errors;
};

/// Reads one file, or every *.json of a folder (in the order of their names) as one description.
/// Unknown keys are ignored; a missing reference, a value outside AWS's limits or a duplicate is an
/// error that names file, object and field ("vpc.json: NetworkAcls[2]
/// (acl-0abc).Entries[5].RuleNumber: …").
Reading read_description(const std::filesystem::path& path);

/// The same for text that is already in memory; `name` stands for the file in errors.
Reading read_description(std::string_view json, const std::string& name);

/// For those who only go on with a sound description: the first error, if there is one.
base::Expected<Network> read_network(const std::filesystem::path& path);

}  // namespace weir::vpc
