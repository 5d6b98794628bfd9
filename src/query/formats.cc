#include "query/formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "logs/open_lines.h"
#include "query/pushdown.h"
#include "query/schema.h"
#include "record/log_format.h"

namespace weir::query {

Fields default_fields() {
  Fields names;
  const record::LogFormat format;
  for (const record::Field* field : format.fields()) names.emplace_back(field->name);
  return names;
}

bool add_fields(const Fields& fields, Fields& to) {
  const std::size_t before = to.size();
  for (const std::string& field : fields) {
    if (!field.empty() && std::find(to.begin(), to.end(), field) == to.end()) to.push_back(field);
  }
  return to.size() != before;
}

base::Expected<void> Formats::fetch(const std::vector<std::size_t>& numbers,
                                    const ColumnNames& wanted) {
  std::vector<const logs::Object*> of_text;
  std::vector<const logs::Object*> of_parquet;
  for (const std::size_t number : numbers) {
    const logs::Object& object = objects_.all()[number];
    if (!is_readable(object)) continue;
    (object.kind == logs::ObjectKind::parquet ? of_parquet : of_text).push_back(&object);
  }
  fronts_.read(of_text);
  files_.fetch(of_parquet, wanted);
  return check_s3();
}

base::Expected<void> Formats::check_s3() const {
  if (settings_.s3 == nullptr) return {};
  for (const auto& error : {settings_.s3->failure(), settings_.s3->denied()}) {
    if (error) return tl::unexpected(*error);
  }
  return {};
}

base::Expected<Fields> Formats::at_front(const logs::Object& object) {
  if (object.kind != logs::ObjectKind::parquet) return fronts_.of(object);
  const auto file = files_.of(object);
  if (!file) return tl::unexpected(file.error());
  return parquet_.add(duck_, *file);
}

base::Expected<Fields> Formats::at_front(const std::vector<std::size_t>& numbers,
                                         const ColumnNames& wanted) {
  Fields fields;
  std::vector<ParquetFiles::Described> described;
  parquet_ = {};
  wanted_ = wanted;
  if (auto fetched = fetch(numbers, wanted); !fetched) return tl::unexpected(fetched.error());
  for (const std::size_t number : numbers) {
    const logs::Object& object = objects_.all()[number];
    if (!is_readable(object)) continue;
    auto found = at_front(object);
    if (const auto failure = settings_.s3 ? settings_.s3->failure() : std::nullopt; failure) {
      return tl::unexpected(*failure);
    }
    if (!found) {
      damaged(object, found.error());
      continue;
    }
    if ((settings_.since || settings_.until) &&
        std::find(found->begin(), found->end(), "end") == found->end()) {
      return base::fail(object.name, "has no field end, by which --since and --until choose",
                        "leave them out and ask for log_date");
    }
    if (object.kind == logs::ObjectKind::text) tell_without_column(object, *found);
    add_fields(*found, fields);
    if (object.kind == logs::ObjectKind::parquet) described.push_back({&object, *found});
  }
  if (wanted_ && wanted_->contains(kAnyColumn) && !fields.empty()) {
    wanted_->insert(column_name_of(columns_of(fields).front().name));
  }
  const auto failed = files_.fetch_columns(duck_, described, wanted_);
  if (auto fetched = check_s3(); !fetched) return tl::unexpected(fetched.error());
  for (const logs::Object* object : failed) damaged(*object, files_.of(*object).error());
  // Once more without them: what only they had is no field.
  if (!failed.empty()) return at_front(numbers, wanted);
  return fields.empty() ? default_fields() : fields;
}

base::Expected<Fields> Formats::at_front() {
  std::vector<std::size_t> all(objects_.all().size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return at_front(all, std::set<std::string>());
}

bool Formats::may_go_on(const logs::Object& object) const {
  const bool is_aws = !object.key.flow_log_id.empty();
  return !is_aws && object.kind == logs::ObjectKind::text && is_readable(object);
}

bool Formats::may_go_on_behind_the_front() const {
  return std::any_of(objects_.all().begin(), objects_.all().end(),
                     [this](const logs::Object& object) { return may_go_on(object); });
}

void Formats::for_each_behind_the_front(const std::function<bool(const Fields&)>& use) const {
  bool goes_on = true;
  for (const logs::Object& object : objects_.all()) {
    if (!may_go_on(object)) continue;
    if (!goes_on) return;
    logs::for_later_headers(object, settings_.s3.get(), scan_.without_header, scan_.is_cancelled,
                            [&](const Fields& fields) {
                              goes_on = use(fields);
                              return goes_on;
                            });
  }
}

void Formats::add_behind_the_front(Fields& fields) const {
  for_each_behind_the_front([&](const Fields& more) {
    add_fields(more, fields);
    return true;
  });
}

void Formats::tell_without_column(const logs::Object& object, const Fields& fields) {
  const auto without = without_column(fields);
  if (without.empty()) return;
  scan_.problems.bad_line(
      object.name, 1,
      fmt::format("the header names {} twice or as one of Weir's columns, and it is left out",
                  fmt::join(without, ", ")));
}

void Formats::damaged(const logs::Object& object, const base::Error& error) {
  scan_.problems.damaged(object.name, error);
  unreadable_.insert(object.name);
}

bool Formats::drop_damaged_parquet(const base::Error& failure) {
  for (const char* reason : {"Out of", "INTERRUPT"}) {
    if (failure.what.starts_with(reason)) return false;  // of the query's own
  }
  bool has_dropped = false;
  for (const logs::Object& object : parquet_.objects()) {
    ParquetTable alone;
    if (!alone.add(duck_, object)) continue;
    auto all = duck_.run("SELECT max(hash(p)) FROM (" + alone.select(wanted_) + ") AS p");
    if (all || scan_.is_cancelled) continue;
    damaged(object, {"", all.error().what, ""});
    has_dropped = true;
  }
  return has_dropped;
}

}  // namespace weir::query
