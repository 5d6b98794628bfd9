// DuckDB's C API with owners.
#pragma once

#include <duckdb.h>

#include <memory>
#include <string>
#include <utility>

#include "base/error.h"

namespace weir::query {

/// A result, gone with its owner.
class DuckResult {
 public:
  DuckResult() = default;
  DuckResult(DuckResult&& other) noexcept : result_(std::exchange(other.result_, {})) {}
  DuckResult& operator=(DuckResult&& other) noexcept {
    std::swap(result_, other.result_);
    return *this;
  }
  ~DuckResult() { duckdb_destroy_result(&result_); }

  [[nodiscard]] duckdb_result& get() { return result_; }
  /// REQUIRES: the result is of text, or was asked for as text, and is held whole.
  [[nodiscard]] std::string text(idx_t column, idx_t row);
  [[nodiscard]] idx_t rows() { return duckdb_row_count(&result_); }

 private:
  duckdb_result result_{};
};

/// A database in memory and one connection to it.
class Duck {
 public:
  static base::Expected<std::unique_ptr<Duck>> open();
  Duck(const Duck&) = delete;
  Duck& operator=(const Duck&) = delete;
  ~Duck();

  [[nodiscard]] duckdb_connection connection() const { return connection_; }
  /// Runs one statement; the result is held whole. The error is `told_by_duck`.
  [[nodiscard]] base::Expected<DuckResult> run(const std::string& sql) const;

 private:
  Duck() = default;
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
};

/// A statement that has been prepared. The error is `told_by_duck`.
class Prepared {
 public:
  Prepared() = default;
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;
  ~Prepared() { duckdb_destroy_prepare(&statement_); }

  base::Expected<void> prepare(const Duck& duck, const std::string& sql);
  [[nodiscard]] duckdb_prepared_statement get() const { return statement_; }
  [[nodiscard]] std::size_t columns() const;
  [[nodiscard]] std::string column_name(std::size_t i) const;

 private:
  duckdb_prepared_statement statement_ = nullptr;
};

/// DuckDB's text as an error of one line: what, at which word of the statement, and its advice
/// unless that is for somebody who may change settings. `reason` may be null.
base::Error told_by_duck(const char* reason);

/// The same without the place in the SQL, which is not the user's own.
base::Error without_place(base::Error told);

/// As SQL compares names.
std::string small_letters(std::string name);

/// 'text' and "name" as SQL writes them.
std::string sql_text(const std::string& text);
std::string sql_name(const std::string& name);

}  // namespace weir::query
