#include "recorder/aws_services.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

namespace weir::recorder {
namespace {

/// How much a service's name says.
int rank(std::string_view service) {
  return service == "AMAZON" ? 0 : service == "EC2" ? 1 : 2;
}

/// A record has no quoting: a name with a space would be two fields.
bool is_code(std::string_view service) {
  return !service.empty() &&
         std::all_of(service.begin(), service.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool says_more(std::string_view a, std::string_view b) {
  return rank(a) != rank(b) ? rank(a) > rank(b) : a < b;
}

}  // namespace

base::Expected<AwsServices> AwsServices::read(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) return base::fail(path.string(), "cannot be opened", "give AWS's ip-ranges.json");
  const auto json = nlohmann::json::parse(file, nullptr, false);
  if (!json.is_object() || !json.contains("prefixes") || !json["prefixes"].is_array()) {
    return base::fail(path.string(), "is not AWS's ip-ranges.json",
                      "take it from https://ip-ranges.amazonaws.com/ip-ranges.json");
  }
  AwsServices services;
  for (const auto& [list, key] :
       {std::pair{"prefixes", "ip_prefix"}, std::pair{"ipv6_prefixes", "ipv6_prefix"}}) {
    const auto entries = json.find(list);
    if (entries == json.end() || !entries->is_array()) continue;
    for (std::size_t i = 0; i < entries->size(); ++i) {
      const auto& entry = (*entries)[i];
      const std::string where = path.string() + ": " + list + "[" + std::to_string(i) + "]";
      if (!entry.is_object() || !entry.contains(key) || !entry[key].is_string() ||
          !entry.contains("service") || !entry["service"].is_string()) {
        return base::fail(where, std::string("lacks the text ") + key + " or service");
      }
      auto added = services.add(entry[key].get<std::string>(), entry["service"], where);
      if (!added) return tl::unexpected(added.error());
    }
  }
  return services;
}

base::Expected<void> AwsServices::add(std::string_view prefix, const std::string& service,
                                      const std::string& where) {
  const auto network = base::Prefix::parse(prefix);
  if (!network) return base::fail(where, "'" + std::string(prefix) + "' is not a CIDR block");
  if (!is_code(service)) return base::fail(where, "'" + service + "' is no code of a service");
  auto& lengths = network->family == base::Family::ipv4 ? ipv4_ : ipv6_;
  std::string_view& known = lengths[network->length][network->address];
  const std::string_view name = *names_.insert(service).first;
  if (known.empty() || says_more(name, known)) known = name;
  return {};
}

std::string_view AwsServices::find(const base::Address& address) const {
  const auto& lengths = address.family() == base::Family::ipv4 ? ipv4_ : ipv6_;
  for (const auto& [length, networks] : lengths) {
    auto found = networks.find(base::Prefix::make(address, length).address);
    if (found != networks.end()) return found->second;
  }
  return {};
}

}  // namespace weir::recorder
