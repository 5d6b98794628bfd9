// Reading AWS's JSON by hand and saying exactly where it is wrong.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weir::vpc {

/// An object of a description, with the way to it ("vpc.json: NetworkAcls[2]
/// (acl-0abc).Entries[5]"). What is wrong goes to the list of errors that all objects of one
/// reading share; the value returned then is the neutral one, so that reading can go on and find
/// the next error.
class JsonObject {
 public:
  JsonObject(const nlohmann::json& value, std::string where, std::vector<base::Error>& errors)
      : value_(&value), where_(std::move(where)), errors_(&errors) {}

  [[nodiscard]] bool has(const char* key) const { return find(key) != nullptr; }
  /// Text, or empty where it is absent.
  [[nodiscard]] std::string text(const char* key) const;
  [[nodiscard]] std::string required_text(const char* key) const;
  /// Text that can stand in a record, where nothing is quoted (facts/flow-logs.md §1.1): printable
  /// ASCII without spaces.
  [[nodiscard]] std::string word(const char* key) const;
  [[nodiscard]] std::string required_word(const char* key) const;
  [[nodiscard]] std::optional<std::int64_t> integer(const char* key) const;
  [[nodiscard]] std::optional<std::int64_t> required_integer(const char* key) const;
  [[nodiscard]] bool boolean(const char* key) const;
  [[nodiscard]] std::optional<JsonObject> object(const char* key) const;
  /// The objects of a list; none where it is absent.
  [[nodiscard]] std::vector<JsonObject> objects(const char* key) const;
  /// The texts of a list, empty ones where they are none; none where it is absent.
  [[nodiscard]] std::vector<std::string> texts(const char* key) const;
  /// The value of a tag, whether the list is called Tags or TagSet.
  [[nodiscard]] std::string tag(std::string_view name) const;

  /// The same object, called by its id from now on.
  void call(const std::string& id) { where_ += " (" + id + ")"; }

  /// `key` may be empty: the object itself is wrong.
  void fail(std::string_view key, std::string what, std::string hint = {}) const;

 private:
  [[nodiscard]] const nlohmann::json* find(const char* key) const;
  [[nodiscard]] const nlohmann::json* find_list(const char* key) const;
  [[nodiscard]] std::string checked_word(const char* key, std::string text) const;
  [[nodiscard]] std::string within(std::string_view key) const;

  const nlohmann::json* value_;
  std::string where_;
  std::vector<base::Error>* errors_;
};

/// "Entries[5]".
std::string place_in(const char* key, std::size_t place);

}  // namespace weir::vpc
