#include "vpc/json_object.h"

#include <algorithm>
#include <limits>

namespace weir::vpc {

const nlohmann::json* JsonObject::find(const char* key) const {
  auto found = value_->find(key);
  return found == value_->end() || found->is_null() ? nullptr : &*found;
}

const nlohmann::json* JsonObject::find_list(const char* key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr || value->is_array()) return value;
  fail(key, "is not a list");
  return nullptr;
}

std::string place_in(const char* key, std::size_t place) {
  return std::string(key) + "[" + std::to_string(place) + "]";
}

/// "vpc.json: Vpcs" at the top, "….Entries" below.
std::string JsonObject::within(std::string_view key) const {
  const bool is_top = !where_.empty() && where_.back() == ' ';
  return where_ + (is_top ? "" : ".") + std::string(key);
}

void JsonObject::fail(std::string_view key, std::string what, std::string hint) const {
  errors_->push_back({key.empty() ? where_ : within(key), std::move(what), std::move(hint)});
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
  const nlohmann::json* given = find(key);
  if (given == nullptr) fail(key, "is missing");
  if (given != nullptr && given->is_string() && value.empty()) fail(key, "is empty");
  return value;
}

std::string JsonObject::word(const char* key) const {
  return checked_word(key, text(key));
}

std::string JsonObject::required_word(const char* key) const {
  return checked_word(key, required_text(key));
}

std::string JsonObject::checked_word(const char* key, std::string text) const {
  const bool is_word =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (is_word) return text;
  fail(key, "'" + text + "' cannot stand in a record",
       "use letters, digits and dashes, as AWS does");
  return {};
}

std::optional<std::int64_t> JsonObject::required_integer(const char* key) const {
  if (!has(key)) fail(key, "is missing");
  return integer(key);
}

std::optional<std::int64_t> JsonObject::integer(const char* key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) {
    fail(key, "is not a whole number");
    return std::nullopt;
  }
  if (value->is_number_unsigned() &&
      value->get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
    fail(key, "is not a number that fits");
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
  return JsonObject(*value, within(key), *errors_);
}

std::vector<JsonObject> JsonObject::objects(const char* key) const {
  std::vector<JsonObject> out;
  const nlohmann::json* value = find_list(key);
  for (std::size_t i = 0; value != nullptr && i < value->size(); ++i) {
    const std::string place = place_in(key, i);
    if ((*value)[i].is_object()) {
      out.emplace_back((*value)[i], within(place), *errors_);
    } else {
      fail(place, "is not an object");
    }
  }
  return out;
}

std::vector<std::string> JsonObject::texts(const char* key) const {
  std::vector<std::string> out;
  const nlohmann::json* value = find_list(key);
  for (std::size_t i = 0; value != nullptr && i < value->size(); ++i) {
    const bool is_text = (*value)[i].is_string();
    if (!is_text) fail(place_in(key, i), "is not text");
    out.push_back(is_text ? (*value)[i].get<std::string>() : "");
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
