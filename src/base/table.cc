#include "base/table.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/printable.h"

namespace weir::base {

namespace {

/// The lines of a list side by side.
std::string in_one_line(const std::string& text, const Column& column) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' && column.is_list) {
      out += "; ";
    } else {
      out += c;
    }
  }
  return out;
}

/// Rows whose widths are known only at the end.
class Aligned : public RowPrinter {
 public:
  Aligned(std::ostream& out, std::vector<Column> columns)
      : out_(out), columns_(std::move(columns)) {
    for (const Column& column : columns_) widths_.push_back(width(column.name));
  }
  void row(Row row) override {
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < row.size(); ++i) {
      cells.push_back(printable(in_one_line(row[i].value_or("-"), columns_[i])));
      widths_[i] = std::max(widths_[i], width(cells.back()));
    }
    if (is_begun_) return print_row(cells);
    rows_.push_back(std::move(cells));
    if (rows_.size() == kMeasuredRows) begin();
  }
  void finish() override {
    if (!is_begun_) begin();
  }

 protected:
  void print_cell(const std::string& text, std::size_t i, bool is_padded_to_the_end) {
    const std::string padding(widths_[i] - std::min(widths_[i], width(text)), ' ');
    const bool is_last = i + 1 == columns_.size();
    if (columns_[i].is_number) out_ << padding;
    out_ << text;
    if (!columns_[i].is_number && (!is_last || is_padded_to_the_end)) out_ << padding;
  }
  [[nodiscard]] std::ostream& out() { return out_; }
  [[nodiscard]] const std::vector<Column>& columns() const { return columns_; }
  virtual void print_head() { print_row(names()); }
  virtual void print_row(const std::vector<std::string>& row) = 0;
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const Column& column : columns_) names.push_back(column.name);
    return names;
  }
  [[nodiscard]] std::size_t column_width(std::size_t i) const { return widths_[i]; }

 private:
  void begin() {
    print_head();
    for (const auto& row : rows_) print_row(row);
    rows_.clear();
    is_begun_ = true;
  }

  std::ostream& out_;
  std::vector<Column> columns_;
  bool is_begun_ = false;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

class TablePrinter : public Aligned {
 public:
  using Aligned::Aligned;

 private:
  void print_row(const std::vector<std::string>& row) override {
    for (std::size_t i = 0; i < row.size(); ++i) {
      print_cell(row[i], i, false);
      out() << (i + 1 == row.size() ? "\n" : "  ");
    }
  }
};

class MarkdownPrinter : public Aligned {
 public:
  using Aligned::Aligned;

 private:
  void print_head() override {
    print_row(names());
    for (std::size_t i = 0; i < columns().size(); ++i) {
      const std::string line(std::max<std::size_t>(column_width(i), 3) - 1, '-');
      out() << "| " << line << (columns()[i].is_number ? ':' : '-') << ' ';
    }
    out() << "|\n";
  }
  void print_row(const std::vector<std::string>& row) override {
    for (std::size_t i = 0; i < row.size(); ++i) {
      std::string text;
      for (const char c : row[i]) text += c == '|' ? "\\|" : std::string(1, c);
      out() << "| ";
      print_cell(text, i, true);
      out() << ' ';
    }
    out() << "|\n";
  }
};

class JsonPrinter : public RowPrinter {
 public:
  JsonPrinter(std::ostream& out, std::vector<Column> columns)
      : out_(out), columns_(std::move(columns)) {
    std::set<std::string> names;
    for (const Column& column : columns_) {
      std::string name = column.name;
      for (int i = 1; !names.insert(name).second; ++i) {
        name = column.name + "_" + std::to_string(i);
      }
      keys_.push_back(quoted(name) + ":");
    }
    out_ << "[";
  }
  void row(Row row) override {
    out_ << (is_first_ ? "\n " : ",\n ");
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      out_ << (i == 0 ? "{" : ",") << keys_[i] << value(columns_[i], row[i]);
    }
    out_ << "}";
    is_first_ = false;
  }
  void finish() override { out_ << (is_first_ ? "]\n" : "\n]\n"); }

 private:
  static std::string dumped(const nlohmann::json& json) {
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  static std::string quoted(const std::string& text) { return dumped(text); }

  static std::string value(const Column& column, const std::optional<std::string>& text) {
    if (!text) return "null";
    if (column.is_list) {
      auto list = nlohmann::json::array();
      std::istringstream lines(*text);
      for (std::string line; std::getline(lines, line);) list.push_back(line);
      return dumped(list);
    }
    const bool is_verbatim = (column.is_number || column.is_json) && nlohmann::json::accept(*text);
    return is_verbatim ? *text : quoted(*text);
  }

  std::ostream& out_;
  std::vector<Column> columns_;
  std::vector<std::string> keys_;  ///< each with its colon
  bool is_first_ = true;
};

class CsvPrinter : public RowPrinter {
 public:
  CsvPrinter(std::ostream& out, const std::vector<Column>& columns) : out_(out) {
    Row names;
    for (const Column& column : columns) names.emplace_back(column.name);
    CsvPrinter::row(std::move(names));
  }
  void row(Row row) override {
    for (std::size_t i = 0; i < row.size(); ++i) {
      print_cell(row[i].value_or(""));
      out_ << (i + 1 == row.size() ? "\r\n" : ",");
    }
  }
  void finish() override {}

 private:
  void print_cell(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) {
      out_ << text;
      return;
    }
    out_ << '"';
    for (const char c : text) out_ << (c == '"' ? "\"\"" : std::string(1, c));
    out_ << '"';
  }

  std::ostream& out_;
};

}  // namespace

std::unique_ptr<RowPrinter> make_printer(std::ostream& out, std::vector<Column> columns,
                                         OutputForm form) {
  switch (form) {
    case OutputForm::json:
      return std::make_unique<JsonPrinter>(out, std::move(columns));
    case OutputForm::csv:
      return std::make_unique<CsvPrinter>(out, columns);
    case OutputForm::markdown:
      return std::make_unique<MarkdownPrinter>(out, std::move(columns));
    default:
      return std::make_unique<TablePrinter>(out, std::move(columns));
  }
}

void print(std::ostream& out, const Table& table, OutputForm form) {
  if (table.columns.empty()) return;
  const auto printer = make_printer(out, table.columns, form);
  for (const auto& texts : table.rows) {
    RowPrinter::Row row;
    for (const std::string& text : texts) {
      const bool is_nothing = text == "-" && form != OutputForm::csv;
      row.push_back(is_nothing ? std::nullopt : std::optional(text));
    }
    printer->row(std::move(row));
  }
  printer->finish();
}

}  // namespace weir::base
