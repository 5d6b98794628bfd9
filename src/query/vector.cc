#include "query/vector.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace weir::query {
namespace {

/// A text of up to so many bytes lies in the row itself, with zeros behind it.
constexpr std::size_t kInline = sizeof(duckdb_string_t{}.value.inlined.inlined);

/// The first bytes of a text, or all; the rest is zero.
void set_inlined(duckdb_string_t& row, std::string_view text) {
  static constexpr auto kMask = [] {
    std::array<std::uint8_t, 2 * kInline> mask{};
    std::fill_n(mask.begin(), kInline, std::uint8_t{0xff});
    return mask;
  }();
  const std::uint8_t* mask = kMask.data() + kInline - std::min(text.size(), kInline);
  const auto masked = [&]<typename Word>(Word word, std::size_t at) {
    Word bits = 0;
    std::memcpy(&word, text.data() + at, sizeof word);
    std::memcpy(&bits, mask + at, sizeof bits);
    word &= bits;
    std::memcpy(row.value.inlined.inlined + at, &word, sizeof word);
  };
  row.value.inlined.length = static_cast<std::uint32_t>(text.size());
  masked(std::uint64_t{}, 0);
  masked(std::uint32_t{}, sizeof(std::uint64_t));
}

}  // namespace

void Vector::set_null(idx_t row) {
  if (validity_ == nullptr) {
    duckdb_vector_ensure_validity_writable(vector_);
    validity_ = duckdb_vector_get_validity(vector_);
  }
  duckdb_validity_set_row_invalid(validity_, row);
}

void Vector::set_texts(idx_t first, std::span<const std::string_view> texts, std::string& room) {
  std::size_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  room.resize(std::max(room.size(), bytes + kTextPadding));
  auto* rows = static_cast<duckdb_string_t*>(data_) + first;
  // Long texts are put into the room, where they overwrite what was copied too much of the last.
  char* end = room.data();
  std::size_t a_long_one = texts.size();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string_view text = texts[i];
    if (text.data() == nullptr) {
      set_null(first + i);
      continue;
    }
    set_inlined(rows[i], text);
    if (text.size() <= kInline) continue;
    std::memcpy(end, text.data(), kTextPadding);
    if (text.size() > kTextPadding) std::memcpy(end, text.data(), text.size());
    rows[i].value.pointer.ptr = end;
    end += text.size();
    a_long_one = i;
  }
  if (a_long_one == texts.size()) return;
  // DuckDB takes its copy of the room as the text of one row, which is then put right.
  const duckdb_string_t row = rows[a_long_one];
  duckdb_vector_assign_string_element_len(vector_, first + a_long_one, room.data(),
                                          static_cast<idx_t>(end - room.data()));
  char* copy = rows[a_long_one].value.pointer.ptr;
  rows[a_long_one] = row;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].size() > kInline) {
      rows[i].value.pointer.ptr = copy + (rows[i].value.pointer.ptr - room.data());
    }
  }
}

}  // namespace weir::query
