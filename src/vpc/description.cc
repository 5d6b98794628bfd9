#include "vpc/description.h"

#include <algorithm>
#include <iterator>

namespace weir::vpc {

using base::Family;
using base::Prefix;

std::vector<JsonObject> Description::all(const char* key) const {
  std::vector<JsonObject> out;
  for (const Top& top : tops) {
    auto objects = top.object.objects(key);
    std::move(objects.begin(), objects.end(), std::back_inserter(out));
  }
  return out;
}

std::optional<Prefix> read_block(const JsonObject& object, const char* key, Family family) {
  if (!object.has(key)) return std::nullopt;
  const std::string text = object.required_text(key);
  if (text.empty()) return std::nullopt;
  auto prefix = Prefix::parse(text);
  if (!prefix || prefix->family != family) {
    object.fail(key, "'" + text + "' is not an " + (family == Family::ipv4 ? "IPv4" : "IPv6") +
                         " CIDR block");
    return std::nullopt;
  }
  return prefix;
}

std::string read_account(const JsonObject& object, Presence presence) {
  const bool is_required = presence == Presence::required;
  std::string id = is_required ? object.required_text("OwnerId") : object.text("OwnerId");
  const bool is_account = id.size() == 12 && std::all_of(id.begin(), id.end(), [](char c) {
                            return c >= '0' && c <= '9';
                          });
  if (!id.empty() && !is_account) object.fail("OwnerId", "'" + id + "' is not 12 digits");
  return id;
}

}  // namespace weir::vpc
