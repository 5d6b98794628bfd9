// Where in a Parquet file the columns lie that a query needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "query/duck.h"

namespace weir::query {

struct Chunk {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  bool has_pages = false;  ///< else it is a Bloom filter
};

/// Those of `needed`, some of the file's `fields`, as its footer tells, by DuckDB. Only the footer
/// need be there; `bytes` is the length of the whole. Nothing: the footer does not say it plainly.
std::optional<std::vector<Chunk>> chunks_of(const Duck& duck, const std::string& path,
                                            std::uint64_t bytes,
                                            const std::vector<std::string>& fields,
                                            const std::vector<std::string>& needed);

/// Whether those with pages consist of them from their first byte to their last, so that who reads
/// one page after the other reads nothing else. REQUIRES: the file has the chunks.
bool are_whole_pages(const std::string& path, const std::vector<Chunk>& chunks);

}  // namespace weir::query
