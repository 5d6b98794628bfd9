#include "query/parquet_chunks.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <span>

#include "base/number.h"
#include "query/parquet_page.h"
#include "query/schema.h"

namespace weir::query {
namespace {

/// Whether a path ("log_status"; "tags, key" of what is nested), as it is compared, is of this
/// field.
bool is_of_field(const std::string& path, const std::string& field) {
  const std::string column = column_name_of(field);
  return path == column || path.starts_with(column + ", ");
}

/// A part of the file. Nothing: there cannot be such a one.
std::optional<Chunk> chunk_at(std::optional<std::uint64_t> first,
                              std::optional<std::uint64_t> count, std::uint64_t bytes,
                              bool has_pages) {
  constexpr std::uint64_t kMagic = 4;  // PAR1
  if (!first || !count || *first < kMagic || *first > bytes || *count == 0 ||
      *count > bytes - *first) {
    return std::nullopt;
  }
  return Chunk{*first, *count, has_pages};
}

}  // namespace

std::optional<std::vector<Chunk>> chunks_of(const Duck& duck, const std::string& path,
                                            std::uint64_t bytes,
                                            const std::vector<std::string>& fields,
                                            const std::vector<std::string>& needed) {
  // Read from where DuckDB begins to read: some writers' offset of a dictionary is 0.
  auto told = duck.run(
      "SELECT path_in_schema, if(dictionary_page_offset >= 4, dictionary_page_offset, "
      "data_page_offset), total_compressed_size, coalesce(bloom_filter_offset, 0), "
      "bloom_filter_length FROM parquet_metadata(" +
      sql_text(path) + ")");
  if (!told) return std::nullopt;
  std::set<std::string> unseen;
  for (const std::string& field : fields) unseen.insert(column_name_of(field));
  std::vector<Chunk> chunks;
  for (idx_t i = 0; i < told->rows(); ++i) {
    const std::string name = column_name_of(told->text(0, i));
    const auto is_of = [&](const std::string& field) { return is_of_field(name, field); };
    std::erase_if(unseen, is_of);
    if (std::none_of(needed.begin(), needed.end(), is_of)) continue;
    const auto number = [&](idx_t column) {
      return base::whole_number<std::uint64_t>(told->text(column, i));
    };
    auto chunk = chunk_at(number(1), number(2), bytes, true);
    if (!chunk) return std::nullopt;
    chunks.push_back(*chunk);
    if (number(3) == 0U) continue;
    chunk = chunk_at(number(3), number(4), bytes, false);
    if (!chunk) return std::nullopt;
    chunks.push_back(*chunk);
  }
  // DuckDB gives a column another name where two have the same.
  if (told->rows() != 0 && !unseen.empty()) return std::nullopt;
  return chunks;
}

bool are_whole_pages(const std::string& path, const std::vector<Chunk>& chunks) {
  constexpr std::uint64_t kLongestHeader = std::uint64_t{16} << 10U;
  std::ifstream file(path, std::ios::binary);
  std::vector<std::uint8_t> front(kLongestHeader);
  for (const Chunk& chunk : chunks) {
    for (std::uint64_t at = 0; chunk.has_pages && at < chunk.count;) {
      const std::uint64_t left = chunk.count - at;
      const std::uint64_t count = std::min(left, kLongestHeader);
      file.seekg(static_cast<std::streamoff>(chunk.first + at));
      file.read(reinterpret_cast<char*>(front.data()), static_cast<std::streamsize>(count));
      const auto length = file ? page_length(std::span(front).first(count)) : std::nullopt;
      if (!length || *length > left) return false;
      at += *length;
    }
  }
  return true;
}

}  // namespace weir::query
