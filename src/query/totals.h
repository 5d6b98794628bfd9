// Lines of a log that differ only in what a query adds up, as one row.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::query {

/// What becomes of a number when rows are made one: sum(), min() or max() of the query cannot tell.
enum class Merge : std::uint8_t { sum, least, greatest };

/// A hash table of rows by the texts of their other columns. DuckDB would group them too, but of
/// columns that have been copied, typed, and hashed one by one. It is filled in batches, since most
/// of the time would go into waiting for memory: a batch asks for all its rows' places at once.
class Totals {
 public:
  /// How many bytes from a text's first are read, whatever its length.
  static constexpr std::size_t kTextPadding = 32;
  /// Rows in a batch.
  static constexpr std::size_t kBatch = 256;

  static constexpr std::size_t kMostNumbers = 32;

  /// `bytes`: of the rows that it can hold. REQUIRES: at most kMostNumbers of merges.
  Totals(std::vector<Merge> merges, std::size_t bytes);

  /// One more text of the batch's current row, which has no space in it.
  void add_text(std::string_view text);
  void end_row();
  /// Finds or makes the places of the batch's rows; then each may be given its numbers.
  void find_rows();
  /// A number of row `row` of the batch, for merges[column].
  void merge(std::size_t row, std::size_t column, std::int64_t value);
  void end_batch();

  /// Is there perhaps no room for another batch?
  [[nodiscard]] bool is_full() const;
  /// Has it been worth its while: are there at most half as many rows as were given?
  [[nodiscard]] bool is_useful() const { return rows_ <= given_ / 2; }
  void clear();

  /// The rows, one after the other; valid until the next change.
  class Row {
   public:
    Row() = default;
    /// Its texts, with a space after each. kTextPadding bytes from any may be read.
    [[nodiscard]] std::string_view texts() const;
    /// False: there was no number.
    [[nodiscard]] bool has(std::size_t column) const { return (*words_ >> column & 1U) != 0; }
    [[nodiscard]] std::int64_t value(std::size_t column) const {
      return static_cast<std::int64_t>(words_[1 + column]);
    }
    [[nodiscard]] Row next() const;
    bool operator==(const Row&) const = default;

   private:
    friend class Totals;
    Row(const std::uint64_t* words, std::size_t columns) : words_(words), columns_(columns) {}
    const std::uint64_t* words_ = nullptr;
    std::size_t columns_ = 0;
  };
  [[nodiscard]] Row begin() const { return {words_.data(), merges_.size()}; }
  [[nodiscard]] Row end() const { return {words_.data() + used_, merges_.size()}; }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t place = 0;  ///< in words_, plus one; 0: free
  };
  /// A row of the batch.
  struct Given {
    std::size_t first;  ///< of its words in batch_
    std::size_t bytes;
    std::uint64_t hash;
    std::size_t place;  ///< in words_
    [[nodiscard]] std::size_t end() const {
      return first + (bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
    }
  };
  [[nodiscard]] std::size_t find_or_make(const Given& given);
  std::size_t make(const Given& given);

  std::vector<Merge> merges_;
  std::size_t most_words_;
  std::vector<Slot> slots_;
  /// Each row: a word of its texts' size (upper half) and which numbers it has (a bit each), the
  /// numbers, and the texts, with zeros to a whole word.
  std::vector<std::uint64_t> words_;
  std::size_t used_ = 0;
  std::size_t rows_ = 0;
  std::size_t given_ = 0;
  std::vector<std::uint64_t> batch_;  ///< texts, as in words_
  std::size_t batch_used_ = 0;        ///< bytes
  std::uint64_t batch_hash_ = 0;      ///< of the row so far
  std::array<Given, kBatch> batch_rows_;
  std::size_t batch_size_ = 0;
};

}  // namespace weir::query
