#include "query/duck.h"

#include <algorithm>
#include <string_view>

namespace weir::query {
namespace {

/// Before the line and the caret that show where.
constexpr std::string_view kPlace = "\n\nLINE ";
/// What we put around a statement of the user's, who has not seen it.
constexpr std::string_view kOurStatement = "SELECT (#1)";

std::string quoted(const std::string& text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out + quote;
}

/// Before an error that several threads have met.
constexpr std::string_view kQuoting =
    "Invalid Input Error: Attempting to execute an unsuccessful or closed pending query result\n"
    "Error: ";

constexpr std::string_view kAt = ", at '";

/// "LINE 2: SELECT foo, bar" over a line with a caret gives ", at 'foo' in line 2".
std::string place_of(std::string_view context) {
  constexpr std::string_view kLine = "LINE ";
  const std::size_t colon = context.find(": ");
  const std::size_t line_end = context.find('\n');
  const std::size_t caret = context.rfind('^');
  if (!context.starts_with(kLine) || colon == std::string_view::npos || caret <= line_end ||
      caret == std::string_view::npos || context.find(kOurStatement) != std::string_view::npos) {
    return {};
  }
  const std::string_view line = context.substr(0, line_end);
  const std::size_t begin = caret - line_end - 1;
  if (begin <= colon || begin >= line.size()) return {};
  const std::string_view rest = line.substr(begin);
  const std::size_t word = std::max<std::size_t>(rest.find_first_of(" ,()"), 1);
  return std::string(kAt) + std::string(rest.substr(0, word)) + "' in line " +
         std::string(context.substr(kLine.size(), colon - kLine.size()));
}

/// One line of several; an exclamation mark adds nothing.
std::string on_one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      if (!out.empty() && out.back() == '!') out.pop_back();
      if (!out.ends_with("; ")) out += "; ";
    } else {
      out += c;
    }
  }
  out.erase(out.find_last_not_of("!.; \n") + 1);
  return out;
}

}  // namespace

base::Error told_by_duck(const char* reason) {
  if (reason == nullptr) return {"SQL", "DuckDB refused a statement", ""};
  std::string_view text = reason;
  if (text.starts_with(kQuoting)) text.remove_prefix(kQuoting.size());
  if (text.starts_with("Out of Memory")) {
    return {"SQL", "Out of Memory: the query needs more than it may have",
            "aggregate or LIMIT before you sort, list or join, or choose with --since and WHERE"};
  }
  const std::size_t context = text.find(kPlace);
  const std::string_view message = text.substr(0, context);
  const std::size_t first = std::min(message.find('\n'), message.size());
  std::string what = on_one_line(message.substr(0, first));
  if (context != std::string_view::npos) what += place_of(text.substr(context + 2));
  return {"SQL", std::move(what),
          first == message.size() ? "" : on_one_line(message.substr(first + 1))};
}

base::Error without_place(base::Error told) {
  told.what.resize(std::min(told.what.rfind(kAt), told.what.size()));
  return told;
}

std::string small_letters(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return name;
}

std::string sql_text(const std::string& text) {
  return quoted(text, '\'');
}

std::string sql_name(const std::string& name) {
  return quoted(name, '"');
}

std::string DuckResult::text(idx_t column, idx_t row) {
  char* value = duckdb_value_varchar(&result_, column, row);
  std::string out = value == nullptr ? "" : value;
  duckdb_free(value);
  return out;
}

base::Expected<std::unique_ptr<Duck>> Duck::open() {
  std::unique_ptr<Duck> duck(new Duck);
  if (duckdb_open(nullptr, &duck->database_) != DuckDBSuccess ||
      duckdb_connect(duck->database_, &duck->connection_) != DuckDBSuccess) {
    return base::fail("DuckDB", "cannot be started");
  }
  return duck;
}

Duck::~Duck() {
  duckdb_disconnect(&connection_);
  duckdb_close(&database_);
}

base::Expected<DuckResult> Duck::run(const std::string& sql) const {
  DuckResult result;
  if (duckdb_query(connection_, sql.c_str(), &result.get()) == DuckDBSuccess) return result;
  // The statement is ours: its words tell the user nothing.
  std::string reason = duckdb_result_error(&result.get());
  reason.resize(std::min(reason.find(kPlace), reason.size()));
  return tl::unexpected(told_by_duck(reason.c_str()));
}

std::size_t Prepared::columns() const {
  return duckdb_prepared_statement_column_count(statement_);
}

std::string Prepared::column_name(std::size_t i) const {
  const char* name = duckdb_prepared_statement_column_name(statement_, i);
  std::string out = name == nullptr ? "" : name;
  duckdb_free(const_cast<char*>(name));
  return out;
}

base::Expected<void> Prepared::prepare(const Duck& duck, const std::string& sql) {
  duckdb_destroy_prepare(&statement_);
  if (duckdb_prepare(duck.connection(), sql.c_str(), &statement_) == DuckDBSuccess) return {};
  return tl::unexpected(told_by_duck(duckdb_prepare_error(statement_)));
}

}  // namespace weir::query
