// Rows for people and for programs: the one printer behind every `--output`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace weir::base {

enum class OutputForm : std::uint8_t { table, json, csv, markdown };

struct Column {
  std::string name;
  bool is_number = false;  ///< right-aligned; a number (or true, false) in JSON
  bool is_list = false;    ///< lines of text; an array in JSON
  bool is_json = false;    ///< JSON already
};

/// Prints rows as they come; where widths have to be known, the first kMeasuredRows of them decide,
/// and what is wider pushes its row out. No value is null in JSON, nothing in CSV, and `-` for
/// people. In JSON, numbers keep their digits, what JSON has no number for (inf, nan) is text, and
/// of two columns with one name the second gets a "_1".
class RowPrinter {
 public:
  static constexpr std::size_t kMeasuredRows = 10'000;
  using Row = std::vector<std::optional<std::string>>;
  virtual ~RowPrinter() = default;
  /// REQUIRES: a cell for each column.
  virtual void row(Row row) = 0;
  virtual void finish() = 0;
};

/// Aligned columns, an array of objects, RFC 4180, or a table of GitHub's Markdown. `out` outlives
/// the printer. REQUIRES: at least one column.
std::unique_ptr<RowPrinter> make_printer(std::ostream& out, std::vector<Column> columns,
                                         OutputForm form);

/// Text by rows, each as long as `columns`. `-` is no value, as in flow logs.
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
};

/// All of it at once. CSV keeps the `-`: it is what flow logs say.
void print(std::ostream& out, const Table& table, OutputForm form);

}  // namespace weir::base
