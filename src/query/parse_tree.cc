#include "query/parse_tree.h"

#include <algorithm>

namespace weir::query {

base::Expected<Json> parse_tree(const Duck& duck, const std::string& sql) {
  auto result = duck.run("SELECT json_serialize_sql(" + sql_text(sql) + ")");
  if (!result) return tl::unexpected(result.error());
  Json tree = Json::parse(result->text(0, 0), nullptr, false);
  if (!tree.is_object()) return base::fail("SQL", "the query is not understood");
  return tree;
}

std::optional<Json> parse_one(const Duck& duck, const std::string& sql) {
  auto tree = parse_tree(duck, sql);
  if (!tree || tree->value("error", true) || !tree->contains("statements") ||
      (*tree)["statements"].size() != 1) {
    return std::nullopt;
  }
  return std::move(*tree);
}

std::optional<std::string> sql_of(const Duck& duck, const Json& tree) {
  auto result = duck.run("SELECT json_deserialize_sql(" + sql_text(tree.dump()) + ")");
  if (!result || result->rows() != 1) return std::nullopt;
  return result->text(0, 0);
}

Json without_places(Json tree) {
  if (tree.is_object()) tree.erase("query_location");
  for (Json& part : tree) {
    if (part.is_structured()) part = without_places(std::move(part));
  }
  return tree;
}

std::string text_of(const Json& node, const char* key) {
  const auto found = node.find(key);
  return found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool has_type(const Json& node, const char* type) {
  if (!node.is_structured()) return false;
  if (node.is_object() && text_of(node, "type") == type) return true;
  return std::any_of(node.begin(), node.end(),
                     [type](const Json& part) { return has_type(part, type); });
}

}  // namespace weir::query
