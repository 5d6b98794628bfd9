// One text object, block by block, its lines split into fields.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/input.h"
#include "logs/problems.h"

namespace weir::logs {

/// How many bytes from a field's first may be read, whatever its length.
inline constexpr std::size_t kFieldPadding = 64;

/// Whole lines, each with as many fields as there are columns. Views: valid until the reader's next
/// call. kFieldPadding bytes from a field's first may be read.
class Lines {
 public:
  [[nodiscard]] std::size_t size() const { return starts_.size(); }
  [[nodiscard]] std::string_view field(std::size_t line, std::size_t column) const {
    const std::uint32_t end = ends_[line * columns_ + column];
    const std::uint32_t start =
        column == 0 ? starts_[line] : ends_[line * columns_ + column - 1] + 1;
    return text_.substr(start, end - start);
  }

 private:
  friend class LineReader;
  std::string_view text_;
  std::size_t columns_ = 0;
  std::span<const std::uint32_t> starts_;
  std::span<const std::uint32_t> ends_;  ///< of each line's fields, one after the other
};

/// Reads gzip (twice packed too), zstd and plain text; what other services put around a line
/// (unwrap.h) is taken off. A header line may stand at the front or anywhere (concatenated objects)
/// and says what follows. Lines that have another number of fields, or are not UTF-8, are told to
/// Problems and left out.
class LineReader {
 public:
  using Columns = std::vector<std::string>;

  /// `name` stands for the object in `problems`, which outlives the reader. `without_header`: the
  /// columns of lines that have no header. Error: nothing at the front of the object is a header or
  /// has that many fields; `where` is empty.
  static base::Expected<std::unique_ptr<LineReader>> open(std::unique_ptr<base::Input> input,
                                                          std::string name,
                                                          const Columns& without_header,
                                                          Problems& problems);
  /// The columns of an object's front, of which it reads little. Error: as `open`, or too little
  /// has been read to tell.
  static base::Expected<Columns> columns_at_front(std::unique_ptr<base::Input> input,
                                                  const Columns& without_header);
  /// Reads on in a plain object of which `lines_before` lines have been read and the last had these
  /// columns. `input` begins with a whole line.
  static std::unique_ptr<LineReader> resume(std::unique_ptr<base::Input> input, std::string name,
                                            Columns columns, std::uint64_t lines_before,
                                            Problems& problems);
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  ~LineReader();

  /// Names as in a log format ("log-status"); empty for what is no field of a record. They may
  /// change from one block to the next.
  [[nodiscard]] const Columns& columns() const;

  /// The next lines, or nothing at the end. Damage comes as an error after everything that could be
  /// read.
  base::Expected<const Lines*> next();

  /// The line of the object that line `i` of the block is, from 1.
  [[nodiscard]] std::uint64_t line_number(std::size_t i) const;
  /// Lines of the object so far, to the end of the block; headers and what did not fit count too.
  [[nodiscard]] std::uint64_t lines_read() const;
  /// Bytes of the (packed) object read so far.
  [[nodiscard]] std::uint64_t consumed() const;

 private:
  struct State;
  explicit LineReader(std::unique_ptr<State> state);
  static base::Expected<std::unique_ptr<LineReader>> open(std::unique_ptr<base::Input> input,
                                                          std::string name,
                                                          const Columns& without_header,
                                                          Problems& problems,
                                                          std::size_t block_bytes);
  std::unique_ptr<State> state_;
};

}  // namespace weir::logs
