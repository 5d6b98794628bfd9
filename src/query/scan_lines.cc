#include "query/scan_lines.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "logs/open_lines.h"
#include "logs/separators.h"
#include "query/number.h"
#include "record/catalogue.h"

namespace weir::query {

static_assert(kTextPadding <= logs::kFieldPadding);

namespace {

/// What is no number has to be told, so it is not left out here.
bool may_be(std::string_view text, std::int64_t wanted) {
  const auto value = number<std::int64_t>(text);
  return value ? *value == wanted : text != "-";
}

}  // namespace

bool ScanLines::have_lines() {
  while (lines_ == nullptr || next_line_ == lines_->size()) {
    // DuckDB asks between chunks, which are far apart when few rows are wanted.
    if (scan_.is_cancelled) throw std::runtime_error("interrupted");
    if (query_.has_enough()) return false;
    lines_ = nullptr;
    if (reader_ == nullptr && !open_next()) return false;
    if (reader_ == nullptr) continue;
    auto lines = reader_->next();
    count_bytes();
    if (!lines) damaged(lines.error());
    if (!lines || *lines == nullptr) {
      reader_.reset();
      continue;
    }
    lines_ = *lines;
    next_line_ = 0;
    scan_.counters.lines.fetch_add(lines_->size(), std::memory_order_relaxed);
    if (reader_->columns() != known_columns_) find_columns();
    if (scan_.is_strict) check_numbers();
  }
  return true;
}

bool ScanLines::open_next() {
  const std::size_t next = query_.next_object.fetch_add(1);
  if (next >= scan_.objects.size()) {
    if (scan_.is_strict && scan_.problems.bad_lines() != 0) {
      throw std::runtime_error("some lines do not fit");
    }
    return false;
  }
  object_ = &scan_.objects[next];
  consumed_ = 0;
  known_columns_.clear();
  auto bytes =
      logs::is_in_s3(*object_) ? query_.ahead->open(next) : logs::open_object(*object_, scan_.s3);
  auto reader = logs::open_lines(*object_, std::move(bytes), scan_.without_header, scan_.problems);
  if (reader) {
    scan_.counters.objects_opened.fetch_add(1, std::memory_order_relaxed);
    reader_ = std::move(*reader);
  } else {
    damaged(reader.error());
  }
  return true;
}

/// What keeps all others from being read too is no damage.
void ScanLines::damaged(const base::Error& error) const {
  if (query_.has_enough()) return;  // nobody waits for the rest
  if (scan_.is_cancelled || (scan_.s3 != nullptr && scan_.s3->failure())) {
    throw std::runtime_error(error.message());
  }
  scan_.problems.damaged(object_->name, error);
}

void ScanLines::count_bytes() {
  const std::uint64_t now = reader_->consumed();
  scan_.counters.packed_bytes.fetch_add(now - consumed_, std::memory_order_relaxed);
  consumed_ = now;
}

std::size_t ScanLines::place_of(const std::string& field) const {
  for (std::size_t i = 0; i < known_columns_.size(); ++i) {
    if (!field.empty() && known_columns_[i] == field) return i;
  }
  return kAbsent;
}

/// Where the query's columns are in the lines of this format.
void ScanLines::find_columns() {
  known_columns_ = reader_->columns();
  if (scan_.wants_every_column) check_for_new_fields();
  places_.clear();
  for (const Column* column : query_.columns) {
    places_.push_back(column == nullptr ? kAbsent : place_of(column->field));
  }
  tests_.clear();
  lacks_tested_field_ = false;
  for (const Equality& equality : scan_.equalities) {
    const std::size_t place = place_of(equality.field);
    lacks_tested_field_ |= place == kAbsent;
    tests_.emplace_back(place, &equality);
  }
}

void ScanLines::check_for_new_fields() {
  std::vector<std::string> names;
  for (const Column& column : columns_of(known_columns_)) {
    const bool is_known =
        std::any_of(scan_.columns.begin(), scan_.columns.end(),
                    [&](const Column& other) { return other.name == column.name; });
    if (!is_known) names.push_back(column.field);
  }
  if (names.empty()) return;
  const std::scoped_lock lock(scan_.new_fields_mutex);
  scan_.new_fields = {object_->name + ":" + std::to_string(reader_->line_number(0)),
                      std::move(names)};
  throw std::runtime_error("an object has fields that were not known of");
}

/// Whether a line fits must not depend on which columns a query names.
void ScanLines::check_numbers() const {
  for (std::size_t place = 0; place < known_columns_.size(); ++place) {
    const record::Field* field = record::find_field(known_columns_[place]);
    if (field == nullptr || field->type == record::ParquetType::string) continue;
    const bool is_long = field->type == record::ParquetType::int64;
    for (std::size_t line = 0; line < lines_->size(); ++line) {
      const std::string_view text = lines_->field(line, place);
      const bool fits = text == "-" || (is_long ? number<std::int64_t>(text).has_value()
                                                : number<std::int32_t>(text).has_value());
      if (!fits) tell(line, place);
    }
  }
}

bool ScanLines::is_wanted(std::size_t line) const {
  return std::all_of(tests_.begin(), tests_.end(), [&](const auto& test) {
    const auto& [place, equality] = test;
    const std::string_view text = lines_->field(line, place);
    return equality->number ? may_be(text, *equality->number) : text == equality->text;
  });
}

void ScanLines::choose(std::size_t room) {
  last_next_line_ = next_line_;
  chosen_.clear();
  if (lacks_tested_field_) next_line_ = lines_->size();  // NULL equals nothing
  if (tests_.empty()) {
    chosen_.resize(std::min(room, lines_->size() - next_line_));
    std::iota(chosen_.begin(), chosen_.end(), static_cast<std::uint32_t>(next_line_));
    next_line_ += chosen_.size();
    return;
  }
  for (; next_line_ < lines_->size() && chosen_.size() < room; ++next_line_) {
    if (is_wanted(next_line_)) chosen_.push_back(static_cast<std::uint32_t>(next_line_));
  }
}

void ScanLines::gather(std::size_t i, std::vector<std::string_view>& texts) const {
  const std::size_t place = places_[i];
  if (place == kAbsent) return texts.assign(chosen_.size(), {});
  texts.resize(chosen_.size());
  for (std::size_t j = 0; j < texts.size(); ++j) {
    const std::string_view text = lines_->field(chosen_[j], place);
    texts[j] = text == "-" ? std::string_view() : text;
  }
}

void ScanLines::tell_bad_value(std::size_t i, std::size_t chosen) const {
  tell(chosen_[chosen], places_[i]);
}

void ScanLines::tell(std::size_t line, std::size_t place) const {
  scan_.problems.bad_line(object_->name, reader_->line_number(line),
                          known_columns_[place] + " is no number, and is read as NULL");
}

}  // namespace weir::query
