// Rows for people and for programs: the one printer behind every `--output`.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace weir::base {

enum class OutputForm : std::uint8_t { table, json, csv };

struct Column {
  std::string name;
  bool is_number = false;  ///< right-aligned; a number in JSON
};

/// Text by rows, each as long as `columns`. `-` is no value: null in JSON.
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
};

/// Aligned columns, or an array of objects, or RFC 4180.
void print(std::ostream& out, const Table& table, OutputForm form);

}  // namespace weir::base
