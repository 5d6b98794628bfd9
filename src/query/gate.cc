#include "query/gate.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace weir::query {
namespace {

using Json = nlohmann::json;

const std::set<std::string> kTableFunctions = {
    "duckdb_columns",
    "duckdb_functions",
    "duckdb_keywords",
    "duckdb_settings",
    "duckdb_tables",
    "duckdb_types",
    "duckdb_views",
    "generate_series",
    "icu_calendar_names",
    "json_each",
    "json_tree",
    "pg_timezone_names",
    "pragma_show",
    "pragma_table_info",
    "pragma_version",
    "range",
    "repeat",
    "repeat_row",
    "summary",
    "unnest",
};

std::string text_of(const Json& node, const char* key) {
  const auto found = node.find(key);
  return found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// A table function that is not allowed, wherever in the statement it stands.
std::optional<std::string> refused_function(const Json& node) {
  if (node.is_object() && text_of(node, "type") == "TABLE_FUNCTION") {
    std::string name = node.contains("function") ? text_of(node["function"], "function_name") : "";
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (!kTableFunctions.contains(name)) return name;
  }
  if (!node.is_structured()) return std::nullopt;
  for (const Json& part : node) {
    if (auto found = refused_function(part)) return found;
  }
  return std::nullopt;
}

}  // namespace

base::Expected<void> check_only_reads(const Duck& duck, const std::string& sql) {
  auto result = duck.run("SELECT json_serialize_sql(" + sql_text(sql) + ")");
  if (!result) return tl::unexpected(result.error());
  const Json tree = Json::parse(result->text(0, 0), nullptr, false);
  if (!tree.is_object()) return base::fail("", "the query is not understood");
  if (tree.value("error", true)) {
    if (text_of(tree, "error_type") == "not implemented") {
      return base::fail("", "the statement does more than read",
                        "give a SELECT; PIVOT needs its values: ON action IN ('ACCEPT', 'REJECT')");
    }
    return base::fail("", text_of(tree, "error_message"));
  }
  const auto statements = tree.find("statements");
  if (statements == tree.end() || statements->empty()) return base::fail("", "the query is empty");
  if (statements->size() > 1) {
    return base::fail("", "is more than one statement", "give one SELECT");
  }
  if (const auto name = refused_function(tree)) {
    return base::fail("", "the table function " + *name + " is not allowed",
                      "files of yours are named with --table NAME=FILE");
  }
  return {};
}

}  // namespace weir::query
