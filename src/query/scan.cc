#include "query/scan.h"

#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "query/number.h"
#include "query/scan_lines.h"
#include "query/totals.h"
#include "query/vector.h"

namespace weir::query {
namespace {

static_assert(kTextPadding >= Totals::kTextPadding && kTextPadding >= Vector::kTextPadding &&
              kTextPadding >= kNumberPadding);

/// What a query asks of one scan, and which of its columns Totals adds up.
struct WorkerQuery {
  explicit WorkerQuery(Scan& scan) : lines(scan) {}
  ScanQuery lines;
  std::vector<std::size_t> merged;  ///< columns that Totals adds up; none: no Totals
  std::vector<Merge> merges;        ///< how
  std::vector<std::size_t> keys;    ///< the others

  /// Merges lines if it has something to add up.
  void choose_merged() {
    for (std::size_t i = 0; i < lines.columns.size(); ++i) {
      if (lines.columns[i] == nullptr) continue;
      const auto merge = lines.scan.merges.find(lines.columns[i]->name);
      if (merge == lines.scan.merges.end()) {
        keys.push_back(i);
      } else {
        merged.push_back(i);
        merges.push_back(merge->second);
      }
    }
    if (merged.size() > Totals::kMostNumbers || !can_be_texts()) merged.clear();
  }

 private:
  /// What objects' keys tell may be anything, since it is from folders' names; in a line's fields
  /// there is no space, and a dash is nothing.
  [[nodiscard]] bool can_be_texts() const {
    const auto is_plain = [](const std::string& text) {
      return text != "-" && text.find(' ') == std::string::npos;
    };
    return std::all_of(lines.scan.objects.begin(), lines.scan.objects.end(),
                       [&](const logs::Object& object) {
                         return is_plain(object.key.account_id) && is_plain(object.key.region);
                       });
  }
};

/// Nothing if the text is no number or no time that DuckDB can hold.
std::optional<std::int64_t> time(std::string_view text) {
  const auto seconds = number<std::int64_t>(text);
  return seconds ? timestamp_of(*seconds) : std::nullopt;
}

/// Calls `use` with what reads a text as the column has it. REQUIRES: a column of integers.
template <typename Use>
auto with_reader(const Column& column, Use use) {
  switch (column.type) {
    case ColumnType::integer:
    case ColumnType::date:  // days since 1970
      return use([](std::string_view text) { return number<std::int32_t>(text); });
    case ColumnType::timestamp:
      return use([](std::string_view text) { return time(text); });
    default:
      return use([](std::string_view text) { return number<std::int64_t>(text); });
  }
}

/// What an object's key tells, as the text that a field would have; empty for none.
std::string text_of_key(const logs::Key& key, ColumnSource source) {
  switch (source) {
    case ColumnSource::log_account:
      return key.account_id;
    case ColumnSource::log_region:
      return key.region;
    case ColumnSource::log_date:
      return key.date ? std::to_string(key.date->time_since_epoch().count()) : "";
    case ColumnSource::log_hour:
      return key.hour ? std::to_string(*key.hour) : "";
    default:
      return {};
  }
}

/// One thread's share: objects one after the other, each block by block.
class Worker {
 public:
  explicit Worker(WorkerQuery& query)
      : query_(query), lines_(query.lines), key_texts_(query.keys.size()) {
    if (query.merged.empty()) return;
    totals_.emplace(query.keys.size(), query.merges, query.lines.scan.totals_bytes);
    next_total_ = totals_->end();
  }

  /// Fills the chunk; an empty one is the end.
  void fill(duckdb_data_chunk chunk) {
    std::vector<Vector> vectors;
    for (idx_t i = 0; i < query_.lines.columns.size(); ++i) {
      vectors.emplace_back(duckdb_data_chunk_get_vector(chunk, i));
    }
    if (totals_ && !prepare_totals()) totals_.reset();
    const idx_t rows = totals_ ? hand_out_totals(vectors) : fill_lines(vectors);
    duckdb_data_chunk_set_size(chunk, rows);
    query_.lines.hand_out(rows);
  }

 private:
  [[nodiscard]] const Column& column(std::size_t i) const { return *query_.lines.columns[i]; }

  idx_t fill_lines(std::vector<Vector>& vectors) {
    const idx_t room = duckdb_vector_size();
    idx_t rows = 0;
    // Rows that may be enough do not wait for another object's.
    const idx_t wanted = query_.lines.scan.most_rows ? 1 : room;
    while (rows < wanted && lines_.have_lines()) {
      lines_.choose(room - rows);
      for (std::size_t i = 0; i < vectors.size(); ++i) fill_column(i, vectors[i], rows);
      rows += lines_.size();
    }
    return rows;
  }

  /// Reads on once all totals have been handed out; false if that is not worth its while.
  bool prepare_totals() {
    if (next_total_ != totals_->end()) return true;
    if (has_long_text_ || !totals_->is_useful()) return false;
    totals_->clear();
    while (!totals_->is_full() && lines_.have_lines()) {
      lines_.choose(Totals::kBatch);
      if (add_lines()) continue;
      lines_.give_back();
      break;
    }
    next_total_ = totals_->begin();
    return next_total_ != totals_->end() || !has_long_text_;
  }

  /// False: they have no place in what is there.
  bool add_lines() {
    for (std::size_t j = 0; j < query_.keys.size(); ++j) {
      gather_key(query_.keys[j], key_texts_[j]);
      std::size_t longest = 0;
      for (const std::string_view text : key_texts_[j]) longest = std::max(longest, text.size());
      has_long_text_ = longest > Totals::kLongestText;
      if (has_long_text_ || !totals_->widen(j, longest)) return false;
    }
    for (std::size_t j = 0; j < query_.keys.size(); ++j) totals_->add_texts(j, key_texts_[j]);
    totals_->find_rows(lines_.size());
    for (std::size_t j = 0; j < query_.merged.size(); ++j) {
      const std::size_t i = query_.merged[j];
      if (column(i).source == ColumnSource::rows) {
        totals_->count(j);
      } else {
        add_numbers(i, j);
      }
    }
    return true;
  }

  void add_numbers(std::size_t i, std::size_t j) {
    lines_.gather(i, texts_);
    with_reader(column(i), [&](auto read) {
      for (std::size_t row = 0; row < texts_.size(); ++row) {
        if (texts_[row].data() == nullptr) continue;
        if (const auto value = read(texts_[row])) {
          totals_->merge(row, j, *value);
        } else {
          lines_.tell_bad_value(i, row);
        }
      }
    });
  }

  /// As they stand in the lines, "-" for none. What is no number is told, and none from here on.
  void gather_key(std::size_t i, std::vector<std::string_view>& texts) {
    static constexpr std::array<char, 1 + kTextPadding> kDash = {'-'};
    gather(i, texts);
    for (std::string_view& text : texts) {
      if (text.data() == nullptr) text = std::string_view(kDash.data(), 1);
    }
    if (column(i).type == ColumnType::varchar) return;
    with_reader(column(i), [&](auto read) {
      for (std::size_t row = 0; row < texts.size(); ++row) {
        if (texts[row] == "-" || read(texts[row])) continue;
        lines_.tell_bad_value(i, row);
        texts[row] = std::string_view(kDash.data(), 1);
      }
    });
  }

  /// The texts of a column, from its lines or from their object's key; without data for none.
  void gather(std::size_t i, std::vector<std::string_view>& texts) {
    if (is_of_line(column(i).source)) return lines_.gather(i, texts);
    std::string& text = key_rooms_[column(i).source];
    text = text_of_key(lines_.object().key, column(i).source);
    const std::size_t size = text.size();
    text.resize(size + kTextPadding);
    texts.assign(lines_.size(),
                 size == 0 ? std::string_view() : std::string_view(text).substr(0, size));
  }

  idx_t hand_out_totals(std::vector<Vector>& vectors) {
    for (auto& texts : key_texts_) texts.clear();
    idx_t rows = 0;
    for (; rows < duckdb_vector_size() && next_total_ != totals_->end();
         next_total_ = next_total_.next()) {
      for (std::size_t j = 0; j < key_texts_.size(); ++j) {
        const std::string_view text = next_total_.text(j);
        key_texts_[j].push_back(text == "-" ? std::string_view() : text);
      }
      for (std::size_t j = 0; j < query_.merged.size(); ++j) {
        const std::size_t i = query_.merged[j];
        if (!next_total_.has(j)) {
          vectors[i].set_null(rows);
        } else if (column(i).type == ColumnType::integer) {
          vectors[i].set(rows, static_cast<std::int32_t>(next_total_.value(j)));
        } else {
          vectors[i].set(rows, next_total_.value(j));
        }
      }
      ++rows;
    }
    const auto is_never_bad = [](std::size_t) {};  // gather_key has seen to that
    for (std::size_t j = 0; j < query_.keys.size(); ++j) {
      fill_field(column(query_.keys[j]), key_texts_[j], vectors[query_.keys[j]], 0, is_never_bad);
    }
    return rows;
  }

  void fill_column(std::size_t i, Vector& vector, idx_t first) {
    if (query_.lines.columns[i] == nullptr) return;
    if (column(i).source == ColumnSource::rows) {
      for (std::size_t row = 0; row < lines_.size(); ++row) {
        vector.set(first + row, std::int64_t{1});
      }
      return;
    }
    gather(i, texts_);
    fill_field(column(i), texts_, vector, first,
               [&](std::size_t row) { lines_.tell_bad_value(i, row); });
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

  WorkerQuery& query_;
  ScanLines lines_;
  std::vector<std::string_view> texts_;  ///< and room_: to be filled again and again
  std::string room_;
  std::map<ColumnSource, std::string> key_rooms_;
  std::optional<Totals> totals_;
  Totals::Row next_total_;  ///< to be handed out
  bool has_long_text_ = false;
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
  auto query = std::make_unique<WorkerQuery>(scan);
  const idx_t count = duckdb_init_get_column_count(info);
  for (idx_t i = 0; i < count; ++i) {
    const idx_t column = duckdb_init_get_column_index(info, i);
    // count(*) asks for a column that is none.
    query->lines.columns.push_back(column < scan.columns.size() ? &scan.columns[column] : nullptr);
  }
  query->choose_merged();
  duckdb_init_set_max_threads(info, std::max<idx_t>(scan.objects.size(), 1));
  duckdb_init_set_init_data(info, query.release(),
                            [](void* data) { delete static_cast<WorkerQuery*>(data); });
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
      worker =
          std::make_unique<Worker>(*static_cast<WorkerQuery*>(duckdb_function_get_init_data(info)));
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
