#include "query/gate.h"

#include <fmt/format.h>

#include <optional>
#include <set>

#include "query/parse_tree.h"

namespace weir::query {
namespace {

const std::set<std::string> kTableFunctions = {
    "generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest",
};

/// Names that the statement gives to tables of its own with WITH.
void collect_own_tables(const Json& node, std::set<std::string>& names) {
  if (node.is_object() && node.contains("cte_map")) {
    for (const Json& table : node["cte_map"].value("map", Json::array())) {
      names.insert(small_letters(text_of(table, "key")));
    }
  }
  if (!node.is_structured()) return;
  for (const Json& part : node) collect_own_tables(part, names);
}

/// What the statement has and is not allowed, wherever it stands.
std::optional<std::string> refused(const Json& node, const std::set<std::string>& tables) {
  if (!node.is_structured()) return std::nullopt;
  const std::string type = node.is_object() ? text_of(node, "type") : "";
  if (type == "TABLE_FUNCTION" && node.contains("function")) {
    const std::string name = text_of(node["function"], "function_name");
    if (!kTableFunctions.contains(small_letters(name))) return "the table function " + name;
  }
  if (type == "BASE_TABLE") {
    const std::string schema = text_of(node, "schema_name");
    const std::string name = text_of(node, "table_name");
    if ((!schema.empty() && small_letters(schema) != "main") ||
        !tables.contains(small_letters(name))) {
      return "the table " + (schema.empty() ? "" : schema + ".") + name;
    }
  }
  if (type == "SHOW_REF" && !text_of(node, "table_name").empty() &&
      text_of(node, "table_name") != "\"tables\"") {
    return "SHOW of anything but TABLES";
  }
  if (type == "FUNCTION" && small_letters(text_of(node, "function_name")) == "current_setting") {
    return "current_setting";
  }
  for (const Json& part : node) {
    if (auto found = refused(part, tables)) return found;
  }
  return std::nullopt;
}

}  // namespace

base::Expected<void> check_only_reads(const Duck& duck, const std::string& sql,
                                      const std::set<std::string>& tables) {
  const auto parsed = parse_tree(duck, sql);
  if (!parsed) return tl::unexpected(parsed.error());
  const Json& tree = *parsed;
  if (tree.value("error", true)) {
    if (text_of(tree, "error_type") == "not implemented") {
      const bool is_pivot = small_letters(sql).find("pivot") != std::string::npos;
      return base::fail("SQL", "the statement does more than read",
                        is_pivot ? "PIVOT needs its values: ON action IN ('ACCEPT', 'REJECT')"
                                 : "give one SELECT");
    }
    return base::fail("SQL", text_of(tree, "error_message"));
  }
  const auto statements = tree.find("statements");
  if (statements == tree.end() || statements->empty()) {
    return base::fail("SQL", "the query is empty", "give one SELECT");
  }
  if (statements->size() > 1) {
    return base::fail("SQL", "there is more than one statement", "give one SELECT");
  }
  std::set<std::string> known = tables;
  collect_own_tables(tree, known);
  if (const auto what = refused(tree, known)) {
    return base::fail("SQL", *what + " is not there to be read",
                      "there are " + fmt::format("{}", fmt::join(tables, ", ")) +
                          "; files of yours are named with --table NAME=FILE");
  }
  return {};
}

}  // namespace weir::query
