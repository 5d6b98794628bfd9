#include "base/table.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace weir::base {
namespace {

/// Code points, so that a name with an accent does not shift its row.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

void print_cell(std::ostream& out, const std::string& text, std::size_t columns, bool to_the_right,
                bool is_last) {
  const std::string padding(columns - std::min(columns, width(text)), ' ');
  if (to_the_right) out << padding;
  out << text;
  if (!to_the_right && !is_last) out << padding;
  out << (is_last ? "\n" : "  ");
}

void print_table(std::ostream& out, const Table& table) {
  std::vector<std::size_t> widths;
  for (const Column& column : table.columns) widths.push_back(width(column.name));
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  const std::size_t last = table.columns.size() - 1;
  for (std::size_t i = 0; i <= last; ++i) {
    print_cell(out, table.columns[i].name, widths[i], table.columns[i].is_number, i == last);
  }
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i <= last; ++i) {
      print_cell(out, row[i], widths[i], table.columns[i].is_number, i == last);
    }
  }
}

nlohmann::ordered_json json_value(const Column& column, const std::string& text) {
  if (text == "-") return nullptr;
  if (!column.is_number) return text;
  auto number = nlohmann::ordered_json::parse(text, nullptr, false);
  return number.is_number() ? number : nlohmann::ordered_json(text);
}

void print_json(std::ostream& out, const Table& table) {
  out << "[";
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    nlohmann::ordered_json object;
    for (std::size_t j = 0; j < table.columns.size(); ++j) {
      object[table.columns[j].name] = json_value(table.columns[j], table.rows[i][j]);
    }
    out << (i == 0 ? "\n " : ",\n ")
        << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  out << (table.rows.empty() ? "]\n" : "\n]\n");
}

void print_csv_cell(std::ostream& out, const std::string& text, bool is_last) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) {
    out << text;
  } else {
    out << '"';
    for (const char c : text) out << (c == '"' ? "\"\"" : std::string(1, c));
    out << '"';
  }
  out << (is_last ? "\r\n" : ",");
}

void print_csv(std::ostream& out, const Table& table) {
  const std::size_t last = table.columns.size() - 1;
  for (std::size_t i = 0; i <= last; ++i) print_csv_cell(out, table.columns[i].name, i == last);
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i <= last; ++i) print_csv_cell(out, row[i], i == last);
  }
}

}  // namespace

void print(std::ostream& out, const Table& table, OutputForm form) {
  if (table.columns.empty()) return;
  switch (form) {
    case OutputForm::json:
      return print_json(out, table);
    case OutputForm::csv:
      return print_csv(out, table);
    default:
      return print_table(out, table);
  }
}

}  // namespace weir::base
