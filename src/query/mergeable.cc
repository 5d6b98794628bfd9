#include "query/mergeable.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include "query/parse_tree.h"

namespace weir::query {
namespace {

/// What an expression may consist of: nothing that reads another table, looks at other rows, or
/// stands for columns that are not named.
const std::set<std::string_view> kClasses = {"BETWEEN",    "CASE",       "CAST",
                                             "COLUMN_REF", "COMPARISON", "CONSTANT",
                                             "FUNCTION",   "OPERATOR",   "CONJUNCTION"};

/// Functions of one row's values that give the same each time.
const std::set<std::string_view> kScalars = {"%",
                                             "*",
                                             "+",
                                             "-",
                                             "/",
                                             "//",
                                             "abs",
                                             "ceil",
                                             "cidr_contains",
                                             "concat",
                                             "date_part",
                                             "date_trunc",
                                             "day",
                                             "dayofweek",
                                             "floor",
                                             "hour",
                                             "is_private",
                                             "length",
                                             "like_escape",
                                             "lower",
                                             "minute",
                                             "month",
                                             "port_name",
                                             "protocol_name",
                                             "regexp_matches",
                                             "round",
                                             "split_part",
                                             "starts_with",
                                             "strftime",
                                             "time_bucket",
                                             "to_timestamp",
                                             "upper",
                                             "year",
                                             "||",
                                             "~~",
                                             "!~~"};

/// A part of a node; null if it has none.
const Json& part_of(const Json& node, const char* key) {
  static const Json kNull;
  const auto found = node.find(key);
  return found == node.end() ? kNull : *found;
}

std::optional<Merge> merge_of(const std::string& function) {
  if (function == "sum") return Merge::sum;
  if (function == "min") return Merge::least;
  if (function == "max") return Merge::greatest;
  return std::nullopt;
}

/// count(*), or count(expression); `arguments` are its children.
bool is_count(const std::string& function, const Json& arguments) {
  return function == "count_star" || (function == "count" && arguments.size() <= 1);
}

/// How the columns of a query are used.
class Uses {
 public:
  Uses(const std::vector<Column>& columns, const std::string& table)
      : columns_(columns), table_(small_letters(table)) {}

  /// False: something is not understood, or would see how many rows there are.
  bool add(const Json& node) {
    if (node.is_object()) {
      const std::string node_class = text_of(node, "class");
      if (!node_class.empty() && !kClasses.contains(node_class)) return false;
      if (node_class == "COLUMN_REF") return add_column(name_of(node));
      if (node_class == "FUNCTION") return add_function(node);
    }
    if (!node.is_structured()) return true;
    return std::all_of(node.begin(), node.end(), [this](const Json& part) { return add(part); });
  }

  /// A column that rows are ordered by is grouped by too, and has been added, or it is another
  /// column of the result that has its name: `sum(bytes) AS bytes … ORDER BY bytes`.
  bool add_modifier(const Json& node) {
    if (text_of(node, "type") != "ORDER_MODIFIER") return add(node);
    const Json& orders = part_of(node, "orders");
    return std::all_of(orders.begin(), orders.end(), [this](const Json& order) {
      const Json& expression = part_of(order, "expression");
      return text_of(expression, "class") == "COLUMN_REF" || add(expression);
    });
  }

  /// Does it ask how many rows there are?
  [[nodiscard]] bool counts() const { return counts_; }

  /// Nothing, if a sum is of what is used otherwise too, and so cannot be made early.
  [[nodiscard]] std::map<std::string, Merge> merges() const {
    std::map<std::string, Merge> out;
    if (counts_ && plain_.contains(kRowsColumn)) return {};  // a name of the query's own
    if (counts_) out.emplace(kRowsColumn, Merge::sum);
    for (const auto& [name, merges] : merged_) {
      const bool is_only_merged = !plain_.contains(name) && merges.size() == 1;
      if (is_only_merged) {
        out.emplace(name, *merges.begin());
      } else if (merges.contains(Merge::sum)) {
        return {};
      }
    }
    return out;
  }

 private:
  static std::string name_of(const Json& reference) {
    const auto names = reference.find("column_names");
    if (names == reference.end() || !names->is_array() || names->empty()) return {};
    return small_letters(names->back().get<std::string>());
  }

  /// The table's name stands for the whole row.
  bool add_column(const std::string& name) {
    plain_.insert(name);
    return name != table_ && name != "flow_logs" && !name.empty();
  }

  bool add_function(const Json& node) {
    const std::string name = small_letters(text_of(node, "function_name"));
    const bool is_distinct = node.value("distinct", true);
    const Json& children = part_of(node, "children");
    const bool is_plain = !is_distinct && part_of(part_of(node, "order_bys"), "orders").empty();
    const auto merge = merge_of(name);
    const bool is_of_column = children.size() == 1 && text_of(children[0], "class") == "COLUMN_REF";
    if (merge && is_plain && is_of_column) {
      const std::string column = name_of(children[0]);
      if (*merge == Merge::sum && !is_summable(column)) return false;
      if (!is_number(column)) return add(children);
      merged_[column].insert(*merge);
      return add(part_of(node, "filter"));
    }
    if (is_plain && is_count(name, children)) {
      counts_ = true;
      return add(children) && add(part_of(node, "filter"));
    }
    const bool is_blind = children.size() == 1 &&
                          (name == "min" || name == "max" || (name == "count" && is_distinct));
    if (!is_blind && !kScalars.contains(name)) return false;
    return add(children) && add(part_of(node, "filter"));
  }

  [[nodiscard]] const Column* find(const std::string& name) const {
    const auto found = std::find_if(columns_.begin(), columns_.end(), [&](const Column& column) {
      return small_letters(column.name) == name;
    });
    return found == columns_.end() || !is_of_line(found->source) ? nullptr : &*found;
  }
  [[nodiscard]] bool is_number(const std::string& name) const {
    const Column* column = find(name);
    return column != nullptr && column->type != ColumnType::varchar;
  }
  /// The sum of several lines is kept as the column's type.
  [[nodiscard]] bool is_summable(const std::string& name) const {
    const Column* column = find(name);
    return column != nullptr && column->type == ColumnType::bigint;
  }

  const std::vector<Column>& columns_;
  std::string table_;
  std::set<std::string> plain_;
  std::map<std::string, std::set<Merge>> merged_;
  bool counts_ = false;
};

/// Is it one plain SELECT from flow_logs?
bool is_plain_select(const Json& node) {
  if (text_of(node, "type") != "SELECT_NODE" || !node.contains("from_table")) return false;
  const Json& from = node["from_table"];
  const bool is_of_logs = text_of(from, "type") == "BASE_TABLE" &&
                          small_letters(text_of(from, "table_name")) == "flow_logs" &&
                          text_of(from, "schema_name").empty() && part_of(from, "sample").empty() &&
                          part_of(from, "column_name_alias").empty();
  return is_of_logs && part_of(node, "sample").empty() && part_of(node, "qualify").empty() &&
         part_of(part_of(node, "cte_map"), "map").empty();
}

/// Every count(*) and count(expression) below, but not count(DISTINCT …), becomes
/// coalesce(sum(weir_rows) FILTER (… AND expression IS NOT NULL), 0)::BIGINT.
void count_by_summing(Json& node) {
  if (!node.is_structured()) return;
  for (Json& part : node) count_by_summing(part);
  if (!node.is_object() || text_of(node, "class") != "FUNCTION" || node.value("distinct", true) ||
      !is_count(small_letters(text_of(node, "function_name")), part_of(node, "children"))) {
    return;
  }
  Json function = node;
  Json filter = function["filter"];
  for (const Json& argument : node["children"]) {
    Json is_there = {{"class", "OPERATOR"},
                     {"type", "OPERATOR_IS_NOT_NULL"},
                     {"alias", ""},
                     {"children", Json::array({argument})}};
    if (filter.is_null()) {
      filter = std::move(is_there);
    } else {
      filter = {{"class", "CONJUNCTION"},
                {"type", "CONJUNCTION_AND"},
                {"alias", ""},
                {"children", Json::array({filter, is_there})}};
    }
  }
  function["function_name"] = "sum";
  function["alias"] = "";
  function["filter"] = std::move(filter);
  function["children"] = Json::array({{{"class", "COLUMN_REF"},
                                       {"type", "COLUMN_REF"},
                                       {"alias", ""},
                                       {"column_names", Json::array({kRowsColumn})}}});
  const Json bigint = {{"id", "BIGINT"}, {"type_info", nullptr}};
  const Json none = {{"class", "CONSTANT"},
                     {"type", "VALUE_CONSTANT"},
                     {"alias", ""},
                     {"value", {{"type", bigint}, {"is_null", false}, {"value", 0}}}};
  node = {{"class", "CAST"},
          {"type", "OPERATOR_CAST"},
          {"alias", text_of(node, "alias")},
          {"child",
           {{"class", "OPERATOR"},
            {"type", "OPERATOR_COALESCE"},
            {"alias", ""},
            {"children", Json::array({std::move(function), none})}}},
          {"cast_type", bigint},
          {"try_cast", false}};
}

/// Does DuckDB read its own text of the query as the same query? 1e-3 it writes as 0.001, which is
/// of another type.
bool survives_text(const Duck& duck, const Json& tree) {
  const auto text = sql_of(duck, tree);
  auto again = text ? parse_one(duck, *text) : std::nullopt;
  return again && without_places(std::move(*again)) == without_places(tree);
}

/// The query with sums for counts, under the same names.
std::optional<std::string> counting(const Duck& duck, const std::string& sql, Json tree) {
  Prepared original;
  if (!original.prepare(duck, sql) || !survives_text(duck, tree)) return std::nullopt;
  Json& node = tree["statements"][0]["node"];
  Json& list = node["select_list"];
  if (original.columns() != list.size()) return std::nullopt;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (text_of(list[i], "alias").empty()) list[i]["alias"] = original.column_name(i);
  }
  for (const char* part : {"select_list", "having", "modifiers"}) count_by_summing(node[part]);
  return sql_of(duck, tree);
}

}  // namespace

Mergeable mergeable(const Duck& duck, const std::string& sql, const std::vector<Column>& columns) {
  const auto tree = parse_one(duck, sql);
  if (!tree) return {};
  const Json& node = part_of((*tree)["statements"][0], "node");
  if (!is_plain_select(node)) return {};
  Uses uses(columns, text_of(node["from_table"], "alias"));
  for (const char* part : {"select_list", "where_clause", "group_expressions", "having"}) {
    if (!uses.add(part_of(node, part))) return {};
  }
  for (const Json& modifier : part_of(node, "modifiers")) {
    if (!uses.add_modifier(modifier)) return {};
  }
  Mergeable out{uses.merges(), std::nullopt};
  if (!uses.counts() || out.columns.empty()) return out;
  out.counting = counting(duck, sql, *tree);
  if (!out.counting) return {};
  return out;
}

}  // namespace weir::query
