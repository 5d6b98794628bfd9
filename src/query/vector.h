// A column of DuckDB's chunk while it is filled.
#pragma once

#include <duckdb.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir::query {

class Vector {
 public:
  /// How many bytes from a text's first are read, whatever its length.
  static constexpr std::size_t kTextPadding = 32;

  explicit Vector(duckdb_vector vector) : vector_(vector), data_(duckdb_vector_get_data(vector)) {}

  void set_null(idx_t row);
  template <typename T>
  void set(idx_t row, T value) {
    static_cast<T*>(data_)[row] = value;
  }
  /// Sets the rows from `first`; a text without data is NULL. What does not fit into a row itself
  /// is handed to DuckDB in one piece, since a call for each text costs more than all the rest.
  /// REQUIRES: UTF-8, of which kTextPadding bytes may be read. `room` is a buffer to be used again.
  void set_texts(idx_t first, std::span<const std::string_view> texts, std::string& room);

 private:
  duckdb_vector vector_;
  void* data_;
  std::uint64_t* validity_ = nullptr;
};

}  // namespace weir::query
