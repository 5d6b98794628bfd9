#include "query/pushdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>

#include "base/number.h"
#include "query/parse_tree.h"
#include "record/catalogue.h"

namespace weir::query {
namespace {

constexpr const char* kObjects = "weir_objects";
constexpr std::string_view kSlots = "weir_slots";

const std::set<std::string> kKeyColumns = {"log_account", "log_region", "log_date", "log_hour"};
const std::set<std::string> kTimeColumns = {"end", "end_time", "start", "start_time"};

/// A scan of flow logs in a plan.
struct PlannedScan {
  std::optional<std::string> filter;  ///< above it
  std::set<std::string> columns;      ///< that it hands out
};

std::set<std::string> columns_of(const Json& scan) {
  const Json names = scan.value("/extra_info/Projections"_json_pointer, Json());
  if (names.is_string()) return {names.get<std::string>()};
  return names.is_array() ? names.get<std::set<std::string>>() : std::set<std::string>();
}

/// As fields' columns, of all scans.
ColumnNames columns_of(const std::vector<PlannedScan>& scans) {
  std::set<std::string> names;
  for (const PlannedScan& scan : scans) {
    const bool is_any_one = scan.columns.size() == 1;  // count(*) has the first one read
    if (scan.columns.contains(kAnyColumn) && !is_any_one) return std::nullopt;
    for (const std::string& column : scan.columns) {
      const bool is_time = column == "start_time" || column == "end_time";
      names.insert(small_letters(is_time ? column.substr(0, column.find('_')) : column));
    }
  }
  return names;
}

void find_scans(const Json& node, const std::optional<std::string>& above,
                std::vector<PlannedScan>& scans) {
  const std::string name = small_letters(text_of(node, "name"));
  if (name.find(kScanFunction) != std::string::npos) scans.push_back({above, columns_of(node)});
  std::optional<std::string> filter;
  if (name == "filter" && node.contains("extra_info")) {
    filter = text_of(node["extra_info"], "Expression");
    if (filter->empty()) filter.reset();
  }
  if (!node.contains("children")) return;
  for (const Json& child : node["children"]) find_scans(child, filter, scans);
}

/// A plan prints names bare, and `end` is a reserved word (its own END is in capitals).
std::string with_end_quoted(const std::string& condition) {
  const auto is_part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  std::string out;
  char quote = 0;  // inside of which we are
  for (std::size_t i = 0; i < condition.size(); ++i) {
    const char c = condition[i];
    if (quote == 0 ? c == '\'' || c == '"' : c == quote) quote = quote == 0 ? c : '\0';
    const bool is_end = quote == 0 && condition.compare(i, 3, "end") == 0 &&
                        (i == 0 || !is_part(condition[i - 1])) &&
                        (i + 3 == condition.size() || !is_part(condition[i + 3]));
    if (is_end) {
      out += "\"end\"";
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

void collect_columns(const Json& node, std::set<std::string>& columns) {
  if (node.is_object() && text_of(node, "class") == "COLUMN_REF" && node.contains("column_names")) {
    columns.insert(node["column_names"].back().get<std::string>());
  }
  if (node.is_object() && text_of(node, "class") == "SUBQUERY") columns.insert("(subquery)");
  if (!node.is_structured()) return;
  for (const Json& part : node) collect_columns(part, columns);
}

bool is_order(const std::string& type) {
  return type == "COMPARE_GREATERTHAN" || type == "COMPARE_LESSTHAN" ||
         type == "COMPARE_GREATERTHANOREQUALTO" || type == "COMPARE_LESSTHANOREQUALTO";
}

std::string column_of(const Json& node) {
  if (text_of(node, "class") != "COLUMN_REF") return {};
  return node["column_names"].back().get<std::string>();
}

/// "left" or "right", where a time column itself stands while the other side has no column at all;
/// empty if that is not so.
std::string time_side(const Json& node) {
  for (const auto& [side, other] : {std::pair("left", "right"), std::pair("right", "left")}) {
    if (!node.contains(side) || !node.contains(other)) return {};
    std::set<std::string> columns;
    collect_columns(node[other], columns);
    if (columns.empty() && kTimeColumns.contains(column_of(node[side]))) return side;
  }
  return {};
}

/// The parts of an AND, whatever its nesting; a BETWEEN becomes its two comparisons.
void split_and(const Json& node, std::vector<Json>& parts) {
  if (text_of(node, "type") == "CONJUNCTION_AND") {
    for (const Json& child : node["children"]) split_and(child, parts);
    return;
  }
  if (text_of(node, "type") == "COMPARE_BETWEEN" && node.contains("lower")) {
    for (const auto& [bound, type] : {std::pair("lower", "COMPARE_GREATERTHANOREQUALTO"),
                                      std::pair("upper", "COMPARE_LESSTHANOREQUALTO")}) {
      parts.push_back({{"class", "COMPARISON"},
                       {"type", type},
                       {"alias", ""},
                       {"left", node["input"]},
                       {"right", node[bound]}});
    }
    return;
  }
  const std::string side = text_of(node, "type") == "COMPARE_EQUAL" ? time_side(node) : "";
  if (!side.empty()) {
    for (const char* type : {"COMPARE_GREATERTHANOREQUALTO", "COMPARE_LESSTHANOREQUALTO"}) {
      parts.push_back(node);
      parts.back()["type"] = type;
    }
  }
  parts.push_back(node);
}

/// Is it a comparison of a time column itself with something that has no column? An order then
/// holds somewhere in a slot only if it holds at one of its ends.
bool is_time_order(const Json& node) {
  return is_order(text_of(node, "type")) && !time_side(node).empty();
}

/// The text in a log of a constant: of a string itself, of a whole number its digits.
std::optional<std::string> constant_of(const Json& node) {
  if (text_of(node, "class") != "CONSTANT" || !node.contains("value")) return std::nullopt;
  const Json& value = node["value"];
  if (!value.is_object() || !value.contains("value")) return std::nullopt;
  if (value["value"].is_string()) return value["value"].get<std::string>();
  if (value["value"].is_number_integer()) {
    return std::to_string(value["value"].get<std::int64_t>());
  }
  return std::nullopt;
}

/// `column = constant` of one of a record's fields.
std::optional<Equality> equality_of(const Json& node) {
  if (text_of(node, "type") != "COMPARE_EQUAL") return std::nullopt;
  const auto try_sides = [&](const char* one, const char* other) -> std::optional<Equality> {
    std::string field = column_of(node[one]);
    std::replace(field.begin(), field.end(), '_', '-');
    const auto constant = constant_of(node[other]);
    const record::Field* known = record::find_field(field);
    if (known == nullptr || !constant) return std::nullopt;
    const bool is_text = known->type == record::ParquetType::string;
    const Json& value = node[other]["value"]["value"];
    if (is_text != value.is_string()) return std::nullopt;
    if (is_text) return Equality{field, *constant};
    return Equality{field, *constant, value.get<std::int64_t>()};
  };
  if (auto found = try_sides("left", "right")) return found;
  return try_sides("right", "left");
}

/// Whether each row that the query's only scan hands out becomes one of what is limited.
bool is_limit_of_rows(const Json& plan) {
  const Json* node = &plan;
  for (bool is_limited = false;;) {
    const std::string name = small_letters(text_of(*node, "name"));
    if (name.find(kScanFunction) != std::string::npos) return is_limited;
    const bool is_limit = name == "limit" || name == "streaming_limit";
    if ((!is_limit && name != "projection") || (is_limit && is_limited)) return false;
    is_limited |= is_limit;
    if (!node->contains("children") || (*node)["children"].size() != 1) return false;
    node = &(*node)["children"][0];
  }
}

/// Of LIMIT and OFFSET at the end of the statement, if they are constants.
std::optional<std::uint64_t> limit_of(const Duck& duck, const std::string& sql) {
  const auto tree = parse_one(duck, sql);
  if (!tree) return std::nullopt;
  const Json modifiers = tree->value("/statements/0/node/modifiers"_json_pointer, Json());
  if (modifiers.size() != 1 || text_of(modifiers[0], "type") != "LIMIT_MODIFIER") {
    return std::nullopt;
  }
  const auto number_of = [&](const char* part) {
    const Json constant = modifiers[0].value(part, Json());
    return base::whole_number<std::uint32_t>(constant_of(constant).value_or(""));
  };
  const auto limit = number_of("limit");
  const bool has_offset = !modifiers[0].value("offset", Json()).is_null();
  const auto offset = has_offset ? number_of("offset") : 0;
  if (!limit || !offset) return std::nullopt;
  return std::uint64_t{*limit} + *offset;
}

class Pruner {
 public:
  Pruner(const Duck& duck, const std::vector<Candidate>& candidates)
      : duck_(duck), candidates_(candidates) {}

  /// Whether a condition was found that may leave some out.
  [[nodiscard]] bool has_condition() const { return has_condition_; }

  std::set<std::size_t> needed_by(const std::optional<std::string>& filter,
                                  std::vector<Equality>& equalities) {
    std::set<std::size_t> all;
    for (std::size_t i = 0; i < candidates_.size(); ++i) all.insert(i);
    if (!filter) return all;
    const auto tree = parse_one(duck_, "SELECT number FROM " + std::string(kObjects) + " WHERE " +
                                           with_end_quoted(*filter));
    if (!tree) return all;
    std::vector<Json> parts;
    split_and((*tree)["statements"][0]["node"]["where_clause"], parts);
    for (const Json& part : parts) {
      std::set<std::string> columns;
      collect_columns(part, columns);
      if (columns.empty()) continue;
      if (std::includes(kKeyColumns.begin(), kKeyColumns.end(), columns.begin(), columns.end())) {
        keep(all, part, kObjects,
             [&](const Candidate& candidate) { return !is_told(candidate, columns); });
        has_condition_ = true;
      } else if (is_time_order(part)) {
        keep(all, part, kSlots, [](const Candidate& candidate) { return !candidate.ends; });
        has_condition_ = true;
      } else if (auto equality = equality_of(part)) {
        equalities.push_back(std::move(*equality));
      }
    }
    return all;
  }

 private:
  /// Does the candidate tell all of these columns? An object that lacks one has NULL there.
  static bool is_told(const Candidate& candidate, const std::set<std::string>& columns) {
    const logs::Key& key = candidate.key;
    return !candidate.is_folder || ((!key.account_id.empty() || !columns.contains("log_account")) &&
                                    (!key.region.empty() || !columns.contains("log_region")) &&
                                    (key.date || !columns.contains("log_date")) &&
                                    (key.hour || !columns.contains("log_hour")));
  }

  /// Keeps those for which the condition holds, and those for which nobody can tell.
  template <typename IsUnknown>
  void keep(std::set<std::size_t>& needed, const Json& condition, std::string_view table,
            const IsUnknown& is_unknown) const {
    auto tree = parse_one(duck_, "SELECT number FROM " + std::string(table) + " WHERE true");
    if (!tree) return;
    (*tree)["statements"][0]["node"]["where_clause"] = condition;
    const auto chosen = sql_of(duck_, *tree);
    if (!chosen) return;
    auto numbers = duck_.run(*chosen);
    if (!numbers) return;
    std::set<std::size_t> kept;
    for (idx_t i = 0; i < numbers->rows(); ++i) {
      const std::size_t number = std::stoul(numbers->text(0, i));
      if (needed.contains(number)) kept.insert(number);
    }
    std::copy_if(needed.begin(), needed.end(), std::inserter(kept, kept.end()),
                 [&](std::size_t number) { return is_unknown(candidates_[number]); });
    needed = std::move(kept);
  }

  const Duck& duck_;
  const std::vector<Candidate>& candidates_;
  bool has_condition_ = false;
};

/// The candidates as a table, so that DuckDB can say which of them a condition holds for.
base::Expected<void> describe(const Duck& duck, const std::vector<Candidate>& candidates) {
  auto made = duck.run(std::string("CREATE OR REPLACE TEMP TABLE ") + kObjects +
                       " (number BIGINT, log_account VARCHAR, log_region VARCHAR, log_date DATE, "
                       "log_hour INTEGER, first_end BIGINT, last_end BIGINT)");
  if (!made) return tl::unexpected(made.error());
  duckdb_appender appender = nullptr;
  if (duckdb_appender_create(duck.connection(), nullptr, kObjects, &appender) != DuckDBSuccess) {
    return base::fail("DuckDB", "gives no appender");
  }
  const auto append_text = [&](const std::string& text) {
    return text.empty() ? duckdb_append_null(appender)
                        : duckdb_append_varchar(appender, text.c_str());
  };
  const auto append_time = [&](base::UnixSeconds time) {
    duckdb_append_int64(appender, time.time_since_epoch().count());
  };
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& [key, ends, is_folder] = candidates[i];
    duckdb_append_int64(appender, static_cast<std::int64_t>(i));
    append_text(key.account_id);
    append_text(key.region);
    if (key.date) {
      duckdb_append_date(appender,
                         {static_cast<std::int32_t>(key.date->time_since_epoch().count())});
    } else {
      duckdb_append_null(appender);
    }
    key.hour ? duckdb_append_int32(appender, *key.hour) : duckdb_append_null(appender);
    if (ends) {
      append_time(ends->first);
      append_time(ends->second);
    } else {
      duckdb_append_null(appender);
      duckdb_append_null(appender);
    }
    duckdb_appender_end_row(appender);
  }
  const bool is_done = duckdb_appender_destroy(&appender) == DuckDBSuccess;
  if (!is_done) return base::fail("DuckDB", "does not take the list of objects");
  // Where both may lie. Of what is not known there is nothing here.
  auto ends = duck.run(fmt::format(
      "CREATE OR REPLACE TEMP VIEW {} AS SELECT number, \"end\", start, make_timestamp(\"end\" * "
      "1000000) AS end_time, make_timestamp(start * 1000000) AS start_time FROM (SELECT number, "
      "unnest([first_end, last_end]) AS \"end\", unnest([first_end - {}, last_end]) AS start FROM "
      "{} "
      "WHERE first_end IS NOT NULL)",
      kSlots, kLongestWindow.count(), kObjects));
  if (!ends) return tl::unexpected(ends.error());
  return {};
}

}  // namespace

std::vector<Candidate> candidates_of(const std::vector<logs::Object>& objects) {
  constexpr std::chrono::seconds kSlot{300};
  std::vector<Candidate> candidates;
  candidates.reserve(objects.size());
  for (const logs::Object& object : objects) {
    const logs::Key& key = object.key;
    Candidate& out = candidates.emplace_back();
    out.key = {key.account_id, key.region, {}, key.date, key.hour, {}};
    if (key.slot) out.ends = {*key.slot, *key.slot + kSlot - std::chrono::seconds(1)};
  }
  return candidates;
}

base::Expected<Pushdown> push_down(const Duck& duck, const std::string& sql,
                                   const std::vector<Candidate>& candidates) {
  auto plan = duck.run("EXPLAIN (FORMAT JSON) " + sql);
  if (!plan) return tl::unexpected(plan.error());
  Pushdown out;
  const Json tree = Json::parse(plan->rows() == 0 ? "" : plan->text(1, 0), nullptr, false);
  std::vector<PlannedScan> scans;
  if (tree.is_array()) {
    for (const Json& node : tree) find_scans(node, std::nullopt, scans);
  }
  // DESCRIBE, or a plan in a form that is not known.
  out.scans_nothing = scans.empty();
  if (tree.is_array()) out.columns = columns_of(scans);
  if (tree.size() == 1 && is_limit_of_rows(tree[0])) out.most_rows = limit_of(duck, sql);
  out.wants_every_column = !out.columns || out.scans_nothing;
  if (scans.empty()) scans.emplace_back();
  const auto has_filter = [](const PlannedScan& scan) { return scan.filter.has_value(); };
  if (!std::all_of(scans.begin(), scans.end(), has_filter)) {
    // A scan without a filter needs all, and so does the query.
    out.objects.resize(candidates.size());
    std::iota(out.objects.begin(), out.objects.end(), std::size_t{0});
    return out;
  }
  if (auto described = describe(duck, candidates); !described) {
    return tl::unexpected(described.error());
  }
  std::set<std::size_t> needed;
  Pruner pruner(duck, candidates);
  for (const PlannedScan& scan : scans) {
    needed.merge(pruner.needed_by(scan.filter, out.equalities));
  }
  out.needs_all = !pruner.has_condition();
  if (scans.size() != 1) out.equalities.clear();
  out.objects.assign(needed.begin(), needed.end());
  // So that SHOW TABLES has nothing but the user's.
  auto dropped = duck.run(fmt::format("DROP VIEW {}; DROP TABLE {}", kSlots, kObjects));
  if (!dropped) return tl::unexpected(dropped.error());
  return out;
}

}  // namespace weir::query
