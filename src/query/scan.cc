#include "query/scan.h"

#include <algorithm>
#include <array>
#include <exception>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>

#include "logs/open_lines.h"
#include "query/number.h"
#include "query/totals.h"
#include "query/vector.h"
#include "record/catalogue.h"

namespace weir::query {
namespace {

constexpr std::int64_t kMicros = 1'000'000;

/// What a query asks of one scan, shared by its threads.
struct Query {
  explicit Query(Scan& the_scan) : scan(the_scan) {}
  Scan& scan;
  std::vector<const Column*> columns;  ///< in the order of the chunk's vectors
  std::vector<std::size_t> merged;     ///< which of them Totals adds up; none: no Totals
  std::vector<Merge> merges;           ///< how
  std::vector<std::size_t> keys;       ///< the others
  std::atomic<std::size_t> next_object = 0;

  /// Merges lines if it has something to add up, and nothing that its object's key tells.
  void choose_merged() {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i] == nullptr) continue;
      const auto merge = scan.merges.find(columns[i]->name);
      if (merge == scan.merges.end()) {
        keys.push_back(i);
      } else {
        merged.push_back(i);
        merges.push_back(merge->second);
      }
    }
    const bool has_key_column = std::any_of(keys.begin(), keys.end(), [this](std::size_t i) {
      return !is_of_line(columns[i]->source);
    });
    if (has_key_column || merged.size() > Totals::kMostNumbers) merged.clear();
  }
};

/// As a column has it; nothing if the text is no number or too large.
template <typename T, std::int64_t kUnit>
std::optional<T> integer(std::string_view text) {
  const auto value = number<T>(text);
  if constexpr (kUnit == 1) return value;
  constexpr T kLast = std::numeric_limits<T>::max() / kUnit;
  if (!value || *value > kLast || *value < -kLast) return std::nullopt;
  return *value * kUnit;
}

/// Calls `use` with what reads a text as the column has it. REQUIRES: a column of integers.
template <typename Use>
auto with_reader(const Column& column, Use use) {
  switch (column.type) {
    case ColumnType::integer:
      return use([](std::string_view text) { return integer<std::int32_t, 1>(text); });
    case ColumnType::timestamp:
      return use([](std::string_view text) { return integer<std::int64_t, kMicros>(text); });
    default:
      return use([](std::string_view text) { return integer<std::int64_t, 1>(text); });
  }
}

/// One thread's share: objects one after the other, each block by block.
class Worker {
 public:
  explicit Worker(Query& query) : query_(query), scan_(query.scan) {
    if (query.merged.empty()) return;
    totals_.emplace(query.merges, scan_.totals_bytes);
    next_total_ = totals_->end();
    key_texts_.resize(query.keys.size());
  }

  /// Fills the chunk; an empty one is the end.
  void fill(duckdb_data_chunk chunk) {
    std::vector<Vector> vectors;
    for (idx_t i = 0; i < query_.columns.size(); ++i) {
      vectors.emplace_back(duckdb_data_chunk_get_vector(chunk, i));
    }
    if (totals_ && !prepare_totals()) totals_.reset();
    duckdb_data_chunk_set_size(chunk, totals_ ? hand_out_totals(vectors) : fill_lines(vectors));
  }

 private:
  static constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);

  idx_t fill_lines(std::vector<Vector>& vectors) {
    const idx_t room = duckdb_vector_size();
    idx_t rows = 0;
    while (rows < room && have_lines()) {
      select(room - rows);
      for (std::size_t i = 0; i < vectors.size(); ++i) fill_column(i, vectors[i], rows);
      rows += chosen_.size();
    }
    return rows;
  }

  /// Reads on once all totals have been handed out; false if that is not worth its while.
  bool prepare_totals() {
    if (next_total_ != totals_->end()) return true;
    if (!totals_->is_useful()) return false;
    totals_->clear();
    while (!totals_->is_full() && have_lines()) {
      select(Totals::kBatch);
      add_lines();
    }
    next_total_ = totals_->begin();
    return true;
  }

  void add_lines() {
    for (const std::uint32_t line : chosen_) {
      for (const std::size_t i : query_.keys) totals_->add_text(key_text(i, line));
      totals_->end_row();
    }
    totals_->find_rows();
    for (std::size_t j = 0; j < query_.merged.size(); ++j) {
      const std::size_t i = query_.merged[j];
      gather(places_[i]);
      with_reader(*query_.columns[i], [&](auto read) {
        for (std::size_t row = 0; row < texts_.size(); ++row) {
          if (texts_[row].data() == nullptr) continue;
          if (const auto value = read(texts_[row])) {
            totals_->merge(row, j, *value);
          } else {
            tell_bad_value(chosen_[row], places_[i]);
          }
        }
      });
    }
    totals_->end_batch();
  }

  /// What is no number is told, and as good as none from here on.
  std::string_view key_text(std::size_t i, std::uint32_t line) {
    static constexpr std::array<char, 1 + Totals::kTextPadding> kNone = {'-'};
    const std::string_view none(kNone.data(), 1);
    if (places_[i] == kAbsent) return none;
    const std::string_view text = lines_->field(line, places_[i]);
    const Column& column = *query_.columns[i];
    if (column.type == ColumnType::varchar || text == "-") return text;
    if (with_reader(column, [&](auto read) { return read(text).has_value(); })) return text;
    tell_bad_value(line, places_[i]);
    return none;
  }

  idx_t hand_out_totals(std::vector<Vector>& vectors) {
    for (auto& texts : key_texts_) texts.clear();
    idx_t rows = 0;
    for (; rows < duckdb_vector_size() && next_total_ != totals_->end();
         next_total_ = next_total_.next()) {
      std::string_view texts = next_total_.texts();
      for (std::vector<std::string_view>& column : key_texts_) {
        const std::string_view text = texts.substr(0, texts.find(' '));
        column.push_back(text == "-" ? std::string_view() : text);
        texts.remove_prefix(text.size() + 1);
      }
      for (std::size_t j = 0; j < query_.merged.size(); ++j) {
        const std::size_t i = query_.merged[j];
        if (!next_total_.has(j)) {
          vectors[i].set_null(rows);
        } else if (query_.columns[i]->type == ColumnType::integer) {
          vectors[i].set(rows, static_cast<std::int32_t>(next_total_.value(j)));
        } else {
          vectors[i].set(rows, next_total_.value(j));
        }
      }
      ++rows;
    }
    const auto is_never_bad = [](std::size_t) {};  // add_lines has seen to that
    for (std::size_t j = 0; j < query_.keys.size(); ++j) {
      const std::size_t i = query_.keys[j];
      fill_field(*query_.columns[i], key_texts_[j], vectors[i], 0, is_never_bad);
    }
    return rows;
  }

  /// Goes on to the next block or object; false at the end of all.
  bool have_lines() {
    while (lines_ == nullptr || next_line_ == lines_->size()) {
      // DuckDB asks between chunks, which are far apart when few rows are wanted.
      if (scan_.is_cancelled) throw std::runtime_error("interrupted");
      lines_ = nullptr;
      if (reader_ == nullptr && !open_next()) return false;
      if (reader_ == nullptr) continue;
      auto lines = reader_->next();
      count_bytes();
      if (!lines) scan_.problems.damaged(object_->name, lines.error());
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

  bool open_next() {
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
    auto reader = logs::open_lines(*object_, scan_.without_header, scan_.problems);
    if (reader) {
      scan_.counters.objects_opened.fetch_add(1, std::memory_order_relaxed);
      reader_ = std::move(*reader);
    } else {
      scan_.problems.damaged(object_->name, reader.error());
    }
    return true;
  }

  void count_bytes() {
    const std::uint64_t now = reader_->consumed();
    scan_.counters.packed_bytes.fetch_add(now - consumed_, std::memory_order_relaxed);
    consumed_ = now;
  }

  [[nodiscard]] std::size_t place_of(const std::string& field) const {
    for (std::size_t i = 0; i < known_columns_.size(); ++i) {
      if (!field.empty() && known_columns_[i] == field) return i;
    }
    return kAbsent;
  }

  /// Where the query's columns are in the lines of this format.
  void find_columns() {
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

  void check_for_new_fields() {
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
  void check_numbers() {
    for (std::size_t place = 0; place < known_columns_.size(); ++place) {
      const record::Field* field = record::find_field(known_columns_[place]);
      if (field == nullptr || field->type == record::ParquetType::string) continue;
      const bool is_long = field->type == record::ParquetType::int64;
      for (std::uint32_t line = 0; line < lines_->size(); ++line) {
        const std::string_view text = lines_->field(line, place);
        const bool fits = text == "-" || (is_long ? number<std::int64_t>(text).has_value()
                                                  : number<std::int32_t>(text).has_value());
        if (!fits) tell_bad_value(line, place);
      }
    }
  }

  /// What is no number has to be told, so it is not left out here.
  static bool may_be(std::string_view text, std::int64_t wanted) {
    const auto value = number<std::int64_t>(text);
    return value ? *value == wanted : text != "-";
  }

  /// Chooses lines for the rows that are left.
  void select(idx_t room) {
    chosen_.clear();
    if (lacks_tested_field_) next_line_ = lines_->size();  // NULL equals nothing
    if (tests_.empty()) {
      chosen_.resize(std::min<std::size_t>(room, lines_->size() - next_line_));
      std::iota(chosen_.begin(), chosen_.end(), static_cast<std::uint32_t>(next_line_));
      next_line_ += chosen_.size();
      return;
    }
    while (next_line_ < lines_->size() && chosen_.size() < room) {
      bool is_wanted = true;
      for (const auto& [place, equality] : tests_) {
        const std::string_view text = lines_->field(next_line_, place);
        is_wanted = equality->number ? may_be(text, *equality->number) : text == equality->text;
        if (!is_wanted) break;
      }
      if (is_wanted) chosen_.push_back(static_cast<std::uint32_t>(next_line_));
      ++next_line_;
    }
  }

  void fill_column(std::size_t i, Vector& vector, idx_t first) {
    if (query_.columns[i] == nullptr) return;
    const Column& column = *query_.columns[i];
    switch (column.source) {
      case ColumnSource::field:
      case ColumnSource::start_time:
      case ColumnSource::end_time:
        gather(places_[i]);
        return fill_field(column, texts_, vector, first,
                          [&](std::size_t line) { tell_bad_value(chosen_[line], places_[i]); });
      case ColumnSource::log_account:
        return fill_key_text(object_->key.account_id, vector, first);
      case ColumnSource::log_region:
        return fill_key_text(object_->key.region, vector, first);
      case ColumnSource::log_date:
        return fill_key<std::int32_t>(
            object_->key.date ? std::optional<int>(
                                    static_cast<int>(object_->key.date->time_since_epoch().count()))
                              : std::nullopt,
            vector, first);
      case ColumnSource::log_hour:
        return fill_key<std::int32_t>(object_->key.hour, vector, first);
    }
  }

  /// The texts of a field in the chosen lines; without data for none.
  void gather(std::size_t place) {
    if (place == kAbsent) return texts_.assign(chosen_.size(), {});
    texts_.resize(chosen_.size());
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      const std::string_view text = lines_->field(chosen_[i], place);
      texts_[i] = text == "-" ? std::string_view() : text;
    }
  }

  template <typename OnBad>
  void fill_field(const Column& column, std::span<const std::string_view> texts, Vector& vector,
                  idx_t first, OnBad on_bad) {
    if (column.type == ColumnType::varchar) return vector.set_texts(first, texts, room_);
    with_reader(column, [&](auto read) {
      for (std::size_t i = 0; i < texts.size(); ++i) {
        const bool is_there = texts[i].data() != nullptr;
        if (const auto value = is_there ? read(texts[i]) : std::nullopt) {
          vector.set(first + i, *value);
        } else {
          vector.set_null(first + i);
          if (is_there) on_bad(i);
        }
      }
    });
  }

  void fill_key_text(const std::string& text, Vector& vector, idx_t row) {
    if (text.empty()) return fill_nulls(vector, row);
    std::string padded = text;
    padded.resize(text.size() + Vector::kTextPadding);
    texts_.assign(chosen_.size(), std::string_view(padded).substr(0, text.size()));
    vector.set_texts(row, texts_, room_);
  }

  template <typename T>
  void fill_key(std::optional<int> value, Vector& vector, idx_t row) {
    if (!value) return fill_nulls(vector, row);
    for (std::size_t i = 0; i < chosen_.size(); ++i) vector.set<T>(row + i, *value);
  }

  void fill_nulls(Vector& vector, idx_t row) {
    for (std::size_t i = 0; i < chosen_.size(); ++i) vector.set_null(row + i);
  }

  void tell_bad_value(std::uint32_t line, std::size_t place) {
    scan_.problems.bad_line(object_->name, reader_->line_number(line),
                            known_columns_[place] + " is no number, and is read as NULL");
  }

  Query& query_;
  Scan& scan_;
  const logs::Object* object_ = nullptr;
  std::unique_ptr<logs::LineReader> reader_;
  std::uint64_t consumed_ = 0;
  const logs::Lines* lines_ = nullptr;
  std::size_t next_line_ = 0;
  std::vector<std::string> known_columns_;  ///< that places_ and tests_ are for
  std::vector<std::size_t> places_;
  std::vector<std::pair<std::size_t, const Equality*>> tests_;
  bool lacks_tested_field_ = false;
  std::vector<std::uint32_t> chosen_;
  std::vector<std::string_view> texts_;  ///< and room_: to be filled again and again
  std::string room_;
  std::optional<Totals> totals_;
  Totals::Row next_total_;  ///< to be handed out
  std::vector<std::vector<std::string_view>> key_texts_;
};

duckdb_type duck_type(ColumnType type) {
  switch (type) {
    case ColumnType::integer:
      return DUCKDB_TYPE_INTEGER;
    case ColumnType::bigint:
      return DUCKDB_TYPE_BIGINT;
    case ColumnType::date:
      return DUCKDB_TYPE_DATE;
    case ColumnType::timestamp:
      return DUCKDB_TYPE_TIMESTAMP;
    default:
      return DUCKDB_TYPE_VARCHAR;
  }
}

void bind(duckdb_bind_info info) {
  const auto& scan = *static_cast<const Scan*>(duckdb_bind_get_extra_info(info));
  for (const Column& column : scan.columns) {
    duckdb_logical_type type = duckdb_create_logical_type(duck_type(column.type));
    duckdb_bind_add_result_column(info, column.name.c_str(), type);
    duckdb_destroy_logical_type(&type);
  }
}

void init(duckdb_init_info info) {
  auto& scan = *static_cast<Scan*>(duckdb_init_get_extra_info(info));
  auto query = std::make_unique<Query>(scan);
  const idx_t count = duckdb_init_get_column_count(info);
  for (idx_t i = 0; i < count; ++i) {
    const idx_t column = duckdb_init_get_column_index(info, i);
    // count(*) asks for a column that is none.
    query->columns.push_back(column < scan.columns.size() ? &scan.columns[column] : nullptr);
  }
  query->choose_merged();
  duckdb_init_set_max_threads(info, std::max<idx_t>(scan.objects.size(), 1));
  duckdb_init_set_init_data(info, query.release(),
                            [](void* data) { delete static_cast<Query*>(data); });
}

void init_thread(duckdb_init_info info) {
  // DuckDB gives a thread no access to the shared data here; the first call does.
  duckdb_init_set_init_data(info, new std::unique_ptr<Worker>,
                            [](void* data) { delete static_cast<std::unique_ptr<Worker>*>(data); });
}

void scan_chunk(duckdb_function_info info, duckdb_data_chunk chunk) {
  auto& worker = *static_cast<std::unique_ptr<Worker>*>(duckdb_function_get_local_init_data(info));
  try {
    if (worker == nullptr) {
      worker = std::make_unique<Worker>(*static_cast<Query*>(duckdb_function_get_init_data(info)));
    }
    worker->fill(chunk);
  } catch (const std::exception& error) {  // memory, at last; it must not reach C
    duckdb_function_set_error(info, error.what());
  }
}

}  // namespace

base::Expected<void> register_scan(const Duck& duck, Scan& scan) {
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, kScanFunction);
  duckdb_table_function_set_extra_info(function, &scan, nullptr);
  duckdb_table_function_set_bind(function, bind);
  duckdb_table_function_set_init(function, init);
  duckdb_table_function_set_local_init(function, init_thread);
  duckdb_table_function_set_function(function, scan_chunk);
  duckdb_table_function_supports_projection_pushdown(function, true);
  const auto state = duckdb_register_table_function(duck.connection(), function);
  duckdb_destroy_table_function(&function);
  if (state != DuckDBSuccess) return base::fail("DuckDB", "takes no table function");
  return {};
}

}  // namespace weir::query
