// Texts put into a column are those that come out, whatever their lengths.
#include "query/vector.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

namespace weir::query {
namespace {

TEST(Vector, TextsOfAllLengthsComeOutAsTheyWentIn) {
  std::mt19937 random(5);
  duckdb_logical_type type = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
  duckdb_data_chunk chunk = duckdb_create_data_chunk(&type, 1);
  duckdb_vector column = duckdb_data_chunk_get_vector(chunk, 0);
  std::string room;
  std::vector<std::optional<std::string>> expected;
  Vector vector(column);
  while (expected.size() < duckdb_vector_size()) {
    std::vector<std::string> padded(
        std::min<std::size_t>(random() % 300, duckdb_vector_size() - expected.size()));
    std::vector<std::string_view> texts;
    const idx_t first = expected.size();
    for (std::string& text : padded) {
      const std::size_t size = random() % 100 == 0 ? 5000 : random() % 40;
      text = std::string(size, static_cast<char>('a' + random() % 26)) +
             std::string(Vector::kTextPadding, '!');
      const bool is_null = random() % 10 == 0;
      texts.push_back(is_null ? std::string_view() : std::string_view(text).substr(0, size));
      expected.push_back(is_null ? std::nullopt : std::optional(text.substr(0, size)));
    }
    vector.set_texts(first, texts, room);
  }
  auto* rows = static_cast<duckdb_string_t*>(duckdb_vector_get_data(column));
  auto* validity = duckdb_vector_get_validity(column);
  for (idx_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(duckdb_validity_row_is_valid(validity, i), expected[i].has_value());
    if (!expected[i]) continue;
    ASSERT_EQ(std::string(duckdb_string_t_data(rows + i), duckdb_string_t_length(rows[i])),
              *expected[i]);
  }
  duckdb_destroy_data_chunk(&chunk);
  duckdb_destroy_logical_type(&type);
}

}  // namespace
}  // namespace weir::query
