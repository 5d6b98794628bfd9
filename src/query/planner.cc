#include "query/planner.h"

#include <fmt/format.h>

#include <numeric>
#include <utility>

#include "query/gate.h"
#include "query/mergeable.h"
#include "query/parse_tree.h"
#include "query/pushdown.h"
#include "query/schema.h"

namespace weir::query {

base::Expected<std::string> Planner::plan(const std::string& sql, const Fields& found) {
  scan_.objects.clear();
  scan_.equalities.clear();
  scan_.most_rows.reset();
  scan_.wants_every_column = false;
  scan_.merges.clear();
  formats_.forget_parquet();
  // First with all fields that are known; a query that names others needs a look at the objects.
  Fields others = found;
  if (auto done = define_table(with_all_known({kAnyField})); !done) {
    return tl::unexpected(done.error());
  }
  if (auto checked = check_only_reads(duck_, sql, tables_); !checked) {
    return tl::unexpected(checked.error());
  }
  bool has_any = true;
  if (!Prepared().prepare(duck_, sql)) {
    auto fields = at_front();
    if (!fields) return tl::unexpected(fields.error());
    add_fields(*fields, others);
    auto bound = bind(sql, others, {});
    formats_.for_each_behind_the_front([&](const Fields& fields_behind) {
      if (bound || !add_fields(fields_behind, others)) return !bound;
      bound = bind(sql, others, {});
      return !bound;
    });
    if (!bound) return tl::unexpected(bound.error());
    Fields with_any = {kAnyField};
    add_fields(*bound, with_any);
    has_any = bind(sql, with_any).has_value();
    if (!has_any) bound = bind(sql, *bound, {});
  }
  auto pushed = list_and_push_down(sql);
  if (!pushed) return tl::unexpected(pushed.error());
  scan_.wants_every_column = pushed->wants_every_column || !has_any;
  if (!has_any) pushed->columns.reset();
  auto present = formats_.at_front(pushed->objects, pushed->columns);
  if (!present) return tl::unexpected(present.error());
  add_fields(found, *present);
  const auto tree = pushed->scans_nothing ? parse_one(duck_, sql) : std::nullopt;
  if (tree && has_type(*tree, "SHOW_REF")) {  // DESCRIBE is to name what SELECT * has
    formats_.add_behind_the_front(*present);
  }
  select(pushed->objects);
  scan_.equalities = std::move(pushed->equalities);
  scan_.most_rows = pushed->most_rows;
  auto bound = bind(sql, *present, others);
  if (!bound) return tl::unexpected(bound.error());
  // --since and --until look at each record's end.
  return time_condition().empty() ? merge_early(sql, *bound) : sql;
}

/// Has the scan read the objects of these numbers, as far as it can.
void Planner::select(const std::vector<std::size_t>& numbers) {
  std::uint64_t bytes = 0;
  for (const std::size_t number : numbers) {
    const logs::Object& object = objects_.all()[number];
    bytes += object.bytes;
    if (object.kind == logs::ObjectKind::text && formats_.is_readable(object)) {
      scan_.objects.push_back(object);
    }
  }
  const std::vector<logs::Object>& parquet = formats_.parquet().objects();
  selection_.objects = numbers.size();
  selection_.bytes = bytes;
  selection_.parquet_objects = parquet.size();
  selection_.parquet_bytes = std::accumulate(
      parquet.begin(), parquet.end(), std::uint64_t{0},
      [](std::uint64_t sum, const logs::Object& object) { return sum + object.bytes; });
}

base::Expected<Pushdown> Planner::list_and_push_down(const std::string& sql) {
  if (auto listed = objects_.list_for(duck_, sql); !listed) return tl::unexpected(listed.error());
  return push_down(duck_, sql, candidates_of(objects_.all()));
}

/// Of whatever is not left out by the time alone.
base::Expected<Fields> Planner::at_front() {
  if (auto done = define_table(with_all_known({kAnyField})); !done) {
    return tl::unexpected(done.error());
  }
  auto listed = objects_.list_for(duck_, "SELECT * FROM flow_logs");
  if (!listed) return tl::unexpected(listed.error());
  return formats_.at_front();
}

/// Has the scan make one row of lines that the query need not see one by one. Returns the query
/// that then has the same answer.
std::string Planner::merge_early(const std::string& sql, const Fields& fields) {
  Mergeable found = mergeable(duck_, sql, scan_.columns);
  if (found.counting &&
      (!define_table(fields, true) || !Prepared().prepare(duck_, *found.counting))) {
    define_table(fields);
    return sql;
  }
  scan_.merges = std::move(found.columns);
  return found.counting.value_or(sql);
}

/// Defines `flow_logs` with the fields that are there; the others are added, as NULL, only for
/// queries that name them, so that SELECT * shows what the objects have. Returns its fields.
base::Expected<Fields> Planner::bind(const std::string& sql, Fields present, const Fields& others) {
  auto bound = bind(sql, present);
  if (!bound && add_fields(others, present)) bound = bind(sql, present);
  if (bound) return present;
  present = with_all_known(std::move(present));
  bound = bind(sql, present);
  if (!bound) return tl::unexpected(bound.error());
  return present;
}

base::Expected<void> Planner::bind(const std::string& sql, const Fields& fields) {
  if (auto done = define_table(fields); !done) return done;
  return Prepared().prepare(duck_, sql);
}

base::Expected<void> Planner::define_table(const Fields& fields, bool counts) {
  scan_.columns = columns_of(fields);
  if (counts) scan_.columns.push_back(rows_column());
  std::string sql = "CREATE OR REPLACE TEMP VIEW flow_logs AS ";
  const std::string condition = time_condition();
  std::string rows = std::string("SELECT * FROM ") + kScanFunction + "()";
  if (!formats_.parquet().objects().empty())
    rows += " UNION ALL BY NAME " + formats_.parquet().select({}, counts);
  sql += condition.empty() ? rows : "SELECT * FROM (" + rows + ") WHERE " + condition;
  auto done = duck_.run(sql);
  if (!done) return tl::unexpected(done.error());
  return {};
}

std::string Planner::time_condition() const {
  std::string condition;
  if (settings_.since) {
    condition += fmt::format("\"end\" >= {}", settings_.since->time_since_epoch().count());
  }
  if (settings_.until) {
    condition += fmt::format("{}\"end\" < {}", condition.empty() ? "" : " AND ",
                             settings_.until->time_since_epoch().count());
  }
  return condition;
}

}  // namespace weir::query
