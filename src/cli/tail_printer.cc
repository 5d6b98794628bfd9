#include "cli/tail_printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/number.h"
#include "base/printable.h"
#include "base/table.h"

namespace weir::cli {
namespace {

using record::FieldId;

class SentencePrinter : public TailPrinter {
 public:
  SentencePrinter(std::ostream& out, const RecordWords& words) : out_(out), words_(words) {}
  void print(const LoggedRecord& record) override { out_ << words_.sentence(record) << '\n'; }

 private:
  std::ostream& out_;
  const RecordWords& words_;
};

/// Widths are not known of what has not come yet: these hold IPv4 and an interface's ID; what is
/// longer shifts its row.
struct RowColumn {
  std::string_view name;
  std::size_t width;
  bool is_number;
};
constexpr std::array kRowColumns = {
    RowColumn{"time", 19, false},        RowColumn{"interface", 21, false},
    RowColumn{"action", 6, false},       RowColumn{"source", 21, false},
    RowColumn{"destination", 21, false}, RowColumn{"service", 18, false},
    RowColumn{"packets", 7, true},       RowColumn{"bytes", 10, true},
    RowColumn{"why", 0, false},
};
constexpr std::size_t kActionColumn = 2;

std::string end_point(const LoggedRecord& record, const RecordWords& words, FieldId address,
                      FieldId port) {
  std::string text = base::printable(record.text(address));
  if (text.empty()) return "-";
  if (const auto number = record.number(port); number && *number != 0) {
    const bool is_ipv6 = text.find(':') != std::string::npos;
    text = fmt::format(fmt::runtime(is_ipv6 ? "[{}]:{}" : "{}:{}"), text, *number);
  }
  const std::string name = words.address_name(record, address);
  return name.empty() ? text : text + " (" + name + ")";
}

std::vector<std::string> row_of(const LoggedRecord& record, const RecordWords& words) {
  const auto text = [&](FieldId field) {
    const std::string_view value = record.text(field);
    return value.empty() ? std::string("-") : base::printable(value);
  };
  const bool has_flow = !record.text(FieldId::action).empty();
  return {words.time(record),
          words.interface(record),
          has_flow ? text(FieldId::action) : text(FieldId::log_status),
          end_point(record, words, FieldId::srcaddr, FieldId::srcport),
          end_point(record, words, FieldId::dstaddr, FieldId::dstport),
          has_flow ? words.service(record) : "-",
          text(FieldId::packets),
          text(FieldId::bytes),
          words.reason(record)};
}

class TableTailPrinter : public TailPrinter {
 public:
  TableTailPrinter(std::ostream& out, const RecordWords& words) : out_(out), words_(words) {
    std::vector<std::string> names;
    names.reserve(kRowColumns.size());
    for (const RowColumn& column : kRowColumns) names.emplace_back(column.name);
    print_row(names, words_.palette().faint);
  }
  void print(const LoggedRecord& record) override {
    print_row(row_of(record, words_), words_.colour(record));
  }

 private:
  void print_row(const std::vector<std::string>& cells, std::string_view colour) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const RowColumn& column = kRowColumns[i];
      const std::string padding(column.width - std::min(column.width, base::width(cells[i])), ' ');
      if (i != 0) line += "  ";
      if (column.is_number) line += padding;
      if (i == kActionColumn) line += colour;
      line += cells[i];
      if (i == kActionColumn) line += colour.empty() ? "" : words_.palette().end;
      if (!column.is_number) line += padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out_ << line << '\n';
  }

  std::ostream& out_;
  const RecordWords& words_;
};

class CsvTailPrinter : public TailPrinter {
 public:
  CsvTailPrinter(std::ostream& out, const RecordWords& words) : words_(words) {
    std::vector<base::Column> columns;
    columns.reserve(kRowColumns.size());
    for (const RowColumn& column : kRowColumns) {
      columns.push_back({std::string(column.name), column.is_number});
    }
    printer_ = base::make_printer(out, std::move(columns), base::OutputForm::csv);
  }
  void print(const LoggedRecord& record) override {
    base::RowPrinter::Row row;
    for (std::string& cell : row_of(record, words_)) row.emplace_back(std::move(cell));
    printer_->row(std::move(row));
  }

 private:
  const RecordWords& words_;
  std::unique_ptr<base::RowPrinter> printer_;
};

class JsonTailPrinter : public TailPrinter {
 public:
  JsonTailPrinter(std::ostream& out, const RecordWords& words, bool has_network)
      : out_(out), words_(words), has_network_(has_network) {}
  void print(const LoggedRecord& record) override {
    nlohmann::ordered_json object;
    const auto& columns = record.format().columns();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].empty()) continue;
      std::string name = columns[i];
      std::replace(name.begin(), name.end(), '-', '_');
      object[name] = value(columns[i], record.values()[i]);
    }
    if (has_network_) {
      object["interface_name"] = words_.interface(record);
      object["srcaddr_name"] = name_or_null(words_.address_name(record, FieldId::srcaddr));
      object["dstaddr_name"] = name_or_null(words_.address_name(record, FieldId::dstaddr));
    }
    // In ASCII, so that no control character gets through as itself.
    out_ << object.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) << '\n';
  }

 private:
  static nlohmann::ordered_json value(const std::string& column, std::string_view text) {
    if (text == "-") return nullptr;
    const record::Field* field = record::find_field(column);
    if (field != nullptr && field->type != record::ParquetType::string) {
      if (const auto number = base::whole_number<std::int64_t>(text)) return *number;
    }
    std::string plain(text);
    std::replace(plain.begin(), plain.end(), '\x7f', '.');
    return plain;
  }
  static nlohmann::ordered_json name_or_null(const std::string& name) {
    return name.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(name);
  }

  std::ostream& out_;
  const RecordWords& words_;
  bool has_network_;
};

}  // namespace

std::unique_ptr<TailPrinter> make_tail_printer(std::ostream& out, const RecordWords& words,
                                               TailForm form, bool has_network) {
  switch (form) {
    case TailForm::table:
      return std::make_unique<TableTailPrinter>(out, words);
    case TailForm::json:
      return std::make_unique<JsonTailPrinter>(out, words, has_network);
    case TailForm::csv:
      return std::make_unique<CsvTailPrinter>(out, words);
    default:
      return std::make_unique<SentencePrinter>(out, words);
  }
}

}  // namespace weir::cli
