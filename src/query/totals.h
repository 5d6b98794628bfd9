// Lines of a log that differ only in what a query adds up, as one row.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/huge_pages.h"

namespace weir::query {

/// What becomes of a number when rows are made one: sum(), min() or max() of the query cannot tell.
enum class Merge : std::uint8_t { sum, least, greatest };

/// A hash table of rows by the texts of their other columns. DuckDB would group them too, but of
/// columns that have been copied, typed, and hashed one by one. Texts are kept as they stand, in as
/// many words of eight bytes as the longest of their column needs, so that to hash and to compare
/// them takes an instruction a word. It is filled in batches, since most of the time would go into
/// waiting for memory: a batch asks for all its rows' places at once.
class Totals {
 public:
  /// How many bytes from a text's first are read, whatever its length.
  static constexpr std::size_t kTextPadding = 64;
  /// A longer text has no place.
  static constexpr std::size_t kLongestText = 64;
  static_assert(kTextPadding >= kLongestText, "a text's words are read whole");
  /// Rows in a batch.
  static constexpr std::size_t kBatch = 256;
  static constexpr std::size_t kMostNumbers = 32;

  /// Rows of so many texts. `bytes`: of the rows that it can hold. REQUIRES: at most kMostNumbers
  /// of merges.
  Totals(std::size_t texts, std::vector<Merge> merges, std::size_t bytes);

  /// Makes texts of a column wide enough. False: there are rows, and it is to be cleared first.
  /// REQUIRES: bytes <= kLongestText.
  bool widen(std::size_t column, std::size_t bytes);
  /// One more text of each row of the batch: first all of column 0, then of column 1 and so on.
  /// None has a space in it. REQUIRES: at most kBatch, for which the column is wide enough.
  void add_texts(std::size_t column, std::span<const std::string_view> texts);
  /// Finds or makes the places of the batch's rows; then each may be given its numbers.
  void find_rows(std::size_t rows);
  /// A number of row `row` of the batch, for merges[column].
  void merge(std::size_t row, std::size_t column, std::int64_t value);
  /// merge(row, column, 1) of every row of the batch. REQUIRES: merges[column] is a sum.
  void count(std::size_t column);

  /// Is there perhaps no room for another batch?
  [[nodiscard]] bool is_full() const {
    return used_ >= most_words_ || rows_ >= most_slots_ / 4 * 3;
  }
  /// Has it been worth its while: are there at most half as many rows as were given, or have there
  /// been too few to tell?
  [[nodiscard]] bool is_useful() const { return given_ < kTrial || rows_ <= given_ / 2; }
  void clear();

  /// The rows, one after the other; valid until the next change.
  class Row {
   public:
    Row() = default;
    /// kTextPadding bytes from its first may be read.
    [[nodiscard]] std::string_view text(std::size_t column) const;
    /// False: there was no number.
    [[nodiscard]] bool has(std::size_t column) const { return (*words_ >> column & 1U) != 0; }
    [[nodiscard]] std::int64_t value(std::size_t column) const {
      return static_cast<std::int64_t>(words_[1 + column]);
    }
    [[nodiscard]] Row next() const { return {totals_, words_ + totals_->row_words()}; }
    bool operator==(const Row& other) const { return words_ == other.words_; }

   private:
    friend class Totals;
    Row(const Totals* totals, const std::uint64_t* words) : totals_(totals), words_(words) {}
    const Totals* totals_ = nullptr;
    const std::uint64_t* words_ = nullptr;
  };
  [[nodiscard]] Row begin() const { return {this, words_.data()}; }
  [[nodiscard]] Row end() const { return {this, words_.data() + used_}; }

 private:
  static constexpr std::size_t kTrial = 32 * kBatch;  ///< rows
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  template <typename T>
  using Vector = std::vector<T, base::HugePageAllocator<T>>;
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t place = 0;  ///< in words_, plus one; 0: free
  };
  /// A text column's place among a row's texts, in words.
  struct Place {
    std::size_t first = 0;
    std::size_t words = 1;
  };

  [[nodiscard]] std::size_t row_words() const { return 1 + merges_.size() + text_words_; }
  template <std::size_t kWords>
  void add_words(const Place& place, std::span<const std::string_view> texts);
  void look_up(std::size_t rows);
  [[nodiscard]] bool has_texts(std::size_t place, std::size_t row) const;
  [[nodiscard]] std::size_t find_or_make(std::size_t row);
  std::size_t make(std::size_t row);
  void grow();

  std::vector<Merge> merges_;
  std::vector<Place> places_;
  std::size_t text_words_;  ///< of a row
  std::size_t most_words_;
  std::size_t most_slots_;
  Vector<Slot> slots_;  ///< a power of two, by the hash; few at first, which stay in the cache
  /// Each row: a word of which numbers it has (a bit each), the numbers, and the texts, with spaces
  /// to whole words.
  Vector<std::uint64_t> words_;
  std::size_t used_ = 0;
  std::size_t rows_ = 0;
  std::size_t given_ = 0;
  std::vector<std::uint64_t> batch_;              ///< texts, as in words_
  std::array<std::uint64_t, kBatch> hashes_{};    ///< of the batch's rows so far
  std::array<std::size_t, kBatch> row_places_{};  ///< in words_
  std::size_t batch_size_ = 0;
  std::uint64_t touched_ = 0;  ///< nothing: it keeps the compiler from leaving loads out
};

inline void Totals::merge(std::size_t row, std::size_t column, std::int64_t value) {
  std::uint64_t* words = &words_[row_places_[row]];
  std::int64_t total = value;
  if ((*words >> column & 1U) != 0) {
    const auto known = static_cast<std::int64_t>(words[1 + column]);
    if (merges_[column] == Merge::least) {
      total = std::min(known, value);
    } else if (merges_[column] == Merge::greatest) {
      total = std::max(known, value);
    } else if (__builtin_add_overflow(known, value, &total)) {
      // What is too much for one row is for another, whose other numbers are none.
      total = value;
      row_places_[row] = make(row);
      words = &words_[row_places_[row]];
    }
  }
  *words |= std::uint64_t{1} << column;
  words[1 + column] = static_cast<std::uint64_t>(total);
}

}  // namespace weir::query
