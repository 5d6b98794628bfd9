#include "vpc/json_object.h"

namespace weir::vpc {

const nlohmann::json* JsonObject::find(const char* key) const {
  auto found = value_->find(key);
  return found == value_->end() || found->is_null() ? nullptr : &*found;
}

void JsonObject::fail(std::string_view key, std::string what, std::string hint) const {
  std::string where = where_;
  if (!key.empty()) where.append(".").append(key);
  errors_->push_back({std::move(where), std::move(what), std::move(hint)});
}

std::string JsonObject::text(const char* key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_string()) {
    fail(key, "is not text");
    return {};
  }
  return value->get<std::string>();
}

std::string JsonObject::required_text(const char* key) const {
  std::string value = text(key);
  if (value.empty() && find(key) == nullptr) fail(key, "is missing");
  return value;
}

std::optional<std::int64_t> JsonObject::integer(const char* key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) {
    fail(key, "is not a whole number");
    return std::nullopt;
  }
  return value->get<std::int64_t>();
}

bool JsonObject::boolean(const char* key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return false;
  if (!value->is_boolean()) fail(key, "is neither true nor false");
  return value->is_boolean() && value->get<bool>();
}

std::optional<JsonObject> JsonObject::object(const char* key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) {
    fail(key, "is not an object");
    return std::nullopt;
  }
  return JsonObject(*value, where_ + "." + key, *errors_);
}

std::vector<JsonObject> JsonObject::objects(const char* key) const {
  std::vector<JsonObject> out;
  const nlohmann::json* value = find(key);
  if (value == nullptr) return out;
  if (!value->is_array()) {
    fail(key, "is not a list");
    return out;
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    const std::string place = std::string(key) + "[" + std::to_string(i) + "]";
    if ((*value)[i].is_object()) {
      // At the top, "vpc.json: Vpcs[0]"; below, "….Entries[5]".
      const bool is_top = !where_.empty() && where_.back() == ' ';
      out.emplace_back((*value)[i], where_ + (is_top ? "" : ".") + place, *errors_);
    } else {
      fail(place, "is not an object");
    }
  }
  return out;
}

std::string JsonObject::tag(std::string_view name) const {
  for (const char* list : {"TagSet", "Tags"}) {
    for (const JsonObject& tag : objects(list)) {
      if (tag.text("Key") == name) return tag.text("Value");
    }
  }
  return {};
}

}  // namespace weir::vpc
