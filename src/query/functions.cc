#include "query/functions.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/iana.h"
#include "query/scalar_function.h"
#include "query/vector.h"

namespace weir::query {
namespace {

/// `name(number)`: a number that has no name is its own.
std::string name_macro(const std::string& macro, std::span<const base::IanaName> names) {
  std::string sql = "CREATE OR REPLACE TEMP MACRO " + macro + "(number) AS CASE number";
  for (const auto& [number, name] : names) {
    sql += " WHEN " + std::to_string(number) + " THEN " + sql_text(std::string(name));
  }
  return sql + " ELSE number::VARCHAR END";
}

std::string_view text_at(void* data, idx_t row) {
  auto* text = static_cast<duckdb_string_t*>(data) + row;
  return {duckdb_string_t_data(text), duckdb_string_t_length(*text)};
}

/// Addresses that are nobody's in particular: RFC 1918, RFC 6598, link-local, loopback, RFC 4193.
bool is_private(const base::Address& address) {
  static const std::array kPrivate = {
      *base::Prefix::parse("10.0.0.0/8"),     *base::Prefix::parse("172.16.0.0/12"),
      *base::Prefix::parse("192.168.0.0/16"), *base::Prefix::parse("100.64.0.0/10"),
      *base::Prefix::parse("169.254.0.0/16"), *base::Prefix::parse("127.0.0.0/8"),
      *base::Prefix::parse("fc00::/7"),       *base::Prefix::parse("fe80::/10"),
      *base::Prefix::parse("::1/128"),
  };
  return std::any_of(kPrivate.begin(), kPrivate.end(),
                     [&](const base::Prefix& block) { return block.contains(address); });
}

/// Fills a BOOLEAN vector with `answer(row)`, NULL where that is nothing.
template <typename Answer>
void fill(duckdb_data_chunk input, duckdb_vector output, Answer answer) {
  auto* out = static_cast<bool*>(duckdb_vector_get_data(output));
  const idx_t rows = duckdb_data_chunk_get_size(input);
  for (idx_t row = 0; row < rows; ++row) {
    const std::optional<bool> value = answer(row);
    if (value) {
      out[row] = *value;
    } else {
      Vector(output).set_null(row);
    }
  }
}

void is_private_chunk(duckdb_function_info /*info*/, duckdb_data_chunk input,
                      duckdb_vector output) {
  duckdb_vector addresses = duckdb_data_chunk_get_vector(input, 0);
  void* data = duckdb_vector_get_data(addresses);
  fill(input, output, [&](idx_t row) -> std::optional<bool> {
    if (!is_valid(addresses, row)) return std::nullopt;
    const auto address = base::Address::parse(text_at(data, row));
    return address ? std::optional(is_private(*address)) : std::nullopt;
  });
}

void cidr_contains_chunk(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  duckdb_vector blocks = duckdb_data_chunk_get_vector(input, 0);
  duckdb_vector addresses = duckdb_data_chunk_get_vector(input, 1);
  void* block_data = duckdb_vector_get_data(blocks);
  void* address_data = duckdb_vector_get_data(addresses);
  std::string_view last;  // most often one block is asked for all rows
  std::optional<base::Prefix> block;
  std::string wrong;
  fill(input, output, [&](idx_t row) -> std::optional<bool> {
    if (!is_valid(blocks, row) || !is_valid(addresses, row)) return std::nullopt;
    const std::string_view text = text_at(block_data, row);
    if (row == 0 || text != last) block = base::Prefix::parse(text);
    last = text;
    if (!block) wrong = text;
    const auto address = base::Address::parse(text_at(address_data, row));
    return block && address ? std::optional(block->contains(*address)) : std::nullopt;
  });
  if (wrong.empty()) return;
  const std::string error = "'" + wrong + "' is no block of addresses such as 10.0.0.0/16";
  duckdb_scalar_function_set_error(info, error.c_str());
}

}  // namespace

base::Expected<void> register_functions(const Duck& duck) {
  for (const std::string& macro : {name_macro("protocol_name", base::protocol_names()),
                                   name_macro("port_name", base::port_names())}) {
    if (auto made = duck.run(macro); !made) return tl::unexpected(made.error());
  }
  constexpr duckdb_type kText = DUCKDB_TYPE_VARCHAR;
  auto added = add_function(duck, "is_private", {kText}, DUCKDB_TYPE_BOOLEAN, is_private_chunk);
  if (!added) return added;
  return add_function(duck, "cidr_contains", {kText, kText}, DUCKDB_TYPE_BOOLEAN,
                      cidr_contains_chunk);
}

}  // namespace weir::query
