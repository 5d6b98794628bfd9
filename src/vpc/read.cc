#include "vpc/read.h"

#include <algorithm>

#include "base/read_file.h"
#include "vpc/description.h"

namespace weir::vpc {
namespace {

/// The document, or nothing and an error that says at which byte the text stops being JSON.
std::optional<Document> parse(std::string_view text, const std::string& name,
                              std::vector<base::Error>& errors) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    errors.push_back({name, "is empty", "give what `aws ec2 describe-…` prints"});
    return std::nullopt;
  }
  try {
    Document document{name, nlohmann::json::parse(text)};
    if (document.json.is_object()) return document;
    errors.push_back({name, "is not a JSON object", "give what `aws ec2 describe-…` prints"});
  } catch (const nlohmann::json::exception& error) {
    // Without the library's own number in front.
    const std::string_view what = error.what();
    errors.push_back({name, "is not JSON: " + std::string(what.substr(what.find("] ") + 2)), ""});
  }
  return std::nullopt;
}

std::vector<std::filesystem::path> files_of(const std::filesystem::path& path,
                                            std::vector<base::Error>& errors) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return {path};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  if (error) errors.push_back({path.string(), "cannot be listed: " + error.message(), ""});
  if (files.empty() && !error) {
    errors.push_back(
        {path.string(), "has no *.json file", "give a file or a folder of AWS's JSON"});
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// Kind by kind, so that whatever is referred to is known already.
Reading read_kinds(const std::vector<Document>& documents, const std::string& name) {
  Description description(documents);
  read_vpcs(description);
  if (description.network.vpcs.empty() && description.errors.empty()) {
    description.errors.push_back(
        {name, "has no VPC", "give what `aws ec2 describe-vpcs` prints under \"Vpcs\""});
  }
  read_prefix_lists(description);
  read_security_groups(description);
  read_network_acls(description);
  read_subnets(description);
  read_interfaces(description);
  description.network.index();
  return {std::move(description.network), std::move(description.errors)};
}

}  // namespace

Reading read_description(const std::filesystem::path& path) {
  std::vector<base::Error> errors;
  std::vector<Document> documents;
  for (const auto& file : files_of(path, errors)) {
    const auto text = base::read_file(file);
    if (!text) {
      errors.push_back({file.string(), "cannot be read", "check the name and its permissions"});
      continue;
    }
    auto document = parse(*text, file.string(), errors);
    if (document) documents.push_back(std::move(*document));
  }
  if (!errors.empty()) return {{}, std::move(errors)};
  return read_kinds(documents, path.string());
}

Reading read_description(std::string_view json, const std::string& name) {
  std::vector<base::Error> errors;
  auto document = parse(json, name, errors);
  if (!document) return {{}, std::move(errors)};
  std::vector<Document> documents;
  documents.push_back(std::move(*document));
  return read_kinds(documents, name);
}

base::Expected<Network> read_network(const std::filesystem::path& path) {
  Reading reading = read_description(path);
  if (!reading.errors.empty()) return tl::unexpected(reading.errors.front());
  return std::move(reading.network);
}

}  // namespace weir::vpc
