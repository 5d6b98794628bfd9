// One thread's way through the objects of a scan: the lines that a query may want, block by block.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "logs/line_reader.h"
#include "query/scan.h"

namespace weir::query {

/// What a query asks of one scan, shared by its threads.
struct ScanQuery {
  explicit ScanQuery(Scan& the_scan)
      : scan(the_scan),
        ahead(scan.s3 == nullptr ? nullptr : scan.s3->ahead().start(scan.objects)) {}
  Scan& scan;
  std::vector<const Column*> columns;  ///< null: none is asked for
  std::atomic<std::size_t> next_object = 0;
  std::atomic<std::uint64_t> rows = 0;          ///< handed out
  std::unique_ptr<logs::ReadAhead::Run> ahead;  ///< of S3's objects

  [[nodiscard]] bool has_enough() const { return scan.most_rows && rows >= *scan.most_rows; }
  /// Other threads may wait for objects that nobody needs then.
  void hand_out(std::uint64_t count) {
    rows += count;
    if (has_enough() && ahead) ahead->stop();
  }
};

/// How many bytes from a text's first may be read, whatever its length.
inline constexpr std::size_t kTextPadding = 64;

class ScanLines {
 public:
  explicit ScanLines(ScanQuery& query) : query_(query), scan_(query.scan) {}

  /// Goes on to the next block or object where all lines have been chosen from; false at the end of
  /// all, or where the query has enough. Throws when the query is over: cancelled, or an error of
  /// the scan's own.
  bool have_lines();
  /// Chooses at most `room` of the lines that are left in the block and may be wanted.
  void choose(std::size_t room);
  /// Has the lines that were chosen last chosen from again.
  void give_back() { next_line_ = last_next_line_; }

  /// How many have been chosen.
  [[nodiscard]] std::size_t size() const { return chosen_.size(); }
  /// The texts of the query's column `i` in the chosen lines; without data for none.
  void gather(std::size_t i, std::vector<std::string_view>& texts) const;
  /// That the column's text in a chosen line is no number, though its column is of numbers.
  void tell_bad_value(std::size_t i, std::size_t chosen) const;
  /// That the lines are from.
  [[nodiscard]] const logs::Object& object() const { return *object_; }

 private:
  static constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);

  bool open_next();
  void damaged(const base::Error& error) const;
  void count_bytes();
  [[nodiscard]] std::size_t place_of(const std::string& field) const;
  void find_columns();
  void check_for_new_fields();
  void check_numbers() const;
  void tell(std::size_t line, std::size_t place) const;
  [[nodiscard]] bool is_wanted(std::size_t line) const;

  ScanQuery& query_;
  Scan& scan_;
  const logs::Object* object_ = nullptr;
  std::unique_ptr<logs::LineReader> reader_;
  std::uint64_t consumed_ = 0;
  const logs::Lines* lines_ = nullptr;
  std::size_t next_line_ = 0;
  std::size_t last_next_line_ = 0;          ///< before the last choice
  std::vector<std::string> known_columns_;  ///< that places_ and tests_ are for
  std::vector<std::size_t> places_;         ///< of the query's columns in a line
  std::vector<std::pair<std::size_t, const Equality*>> tests_;
  bool lacks_tested_field_ = false;
  std::vector<std::uint32_t> chosen_;
};

}  // namespace weir::query
