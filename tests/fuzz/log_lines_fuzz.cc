// Any bytes as a text object: plain, gzip, zstd, JSON or twice packed. What is handed out lies
// inside the block, is UTF-8 without separators, and has a line number that grows.
#include <cstdint>
#include <cstdlib>

#include "logs/line_reader.h"
#include "logs/separators.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weir::logs::LineReader;
  static const LineReader::Columns columns = {"srcaddr", "bytes"};
  weir::logs::Problems problems;
  auto reader = LineReader::open(weir::base::open_memory({data, size}), "x", columns, problems);
  if (!reader) return 0;
  std::uint64_t last = 0;
  for (std::size_t read = 0; read < (std::size_t{64} << 20U);) {  // a bomb of gzip is not wanted
    const auto lines = (*reader)->next();
    if (!lines || *lines == nullptr) return 0;
    for (std::size_t i = 0; i < (*lines)->size(); ++i) {
      if ((*reader)->line_number(i) <= last) std::abort();
      last = (*reader)->line_number(i);
      for (std::size_t j = 0; j < (*reader)->columns().size(); ++j) {
        const auto field = (*lines)->field(i, j);
        if (field.find_first_of(" \n") != std::string_view::npos) std::abort();
        if (!weir::logs::is_utf8(field)) std::abort();
        read += field.size() + 1;
      }
    }
  }
  return 0;
}
