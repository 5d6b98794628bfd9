// How far one object has been read, so that reading goes on there when there is more.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "logs/line_reader.h"
#include "logs/problems.h"

namespace weir::logs {

/// Takes what is read, object by object.
class LineSink {
 public:
  virtual ~LineSink() = default;
  /// Lines of one object from number `first` of the block on, in their order. False: nothing more
  /// is wanted.
  virtual bool lines(const LineReader::Columns& columns, const Lines& lines, std::size_t first) = 0;
  /// What did not fit in what has just been read of one object.
  virtual void problems(const Problems& problems) = 0;
};

/// Of one path. Text is known again by its last line, so that a path may come to name another file:
/// one that goes on like the one before is read on, any other from its start.
class ReadingPlace {
 public:
  /// Counts what is in the object now as read.
  void pass_over(const std::string& path);
  /// Nothing has been read.
  void forget() { *this = ReadingPlace(); }

  /// Reads what is new, of a packed object the whole to get there. Of a plain one the last line has
  /// to be ended, unless the object `is_complete`: closed, or renamed to its name. False: the sink
  /// wants no more.
  bool read(const std::string& path, const LineReader::Columns& without_header, bool is_complete,
            LineSink& sink);

  /// The object ended in the middle, and nobody was told: it may be being written.
  [[nodiscard]] const std::optional<base::Error>& unfinished() const { return unfinished_; }

 private:
  /// A file as it was.
  struct Extent {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t bytes = 0;
    std::int64_t modified = 0;  ///< nanoseconds
    bool operator==(const Extent&) const = default;
  };
  class File;

  bool read_packed(const File& file, const LineReader::Columns& without_header, bool is_complete,
                   LineSink& sink);
  bool read_plain(const File& file, const LineReader::Columns& without_header, bool is_complete,
                  LineSink& sink);
  void count_passed_lines(const File& file, const LineReader::Columns& without_header);
  void pass_lines(const File& file, std::uint64_t end, const LineReader::Columns& without_header);
  bool has_same_beginning(const File& file, const LineReader::Columns& without_header) const;
  bool hand_out(LineReader& reader, std::uint64_t skipped, const std::string& path,
                bool is_complete, Problems& problems, LineSink& sink);

  Extent extent_;                   ///< when it was last read or passed over
  bool is_passed_ = false;          ///< packed: the lines in `extent_` have not been counted yet
  std::uint64_t lines_ = 0;         ///< packed: handed out, or passed over
  std::uint64_t offset_ = 0;        ///< plain: of the next line
  std::string last_text_;           ///< packed: the last line; plain: the bytes before `offset_`
  LineReader::Columns columns_;     ///< plain: of the last line; empty: not known yet
  std::uint64_t lines_before_ = 0;  ///< plain: before `offset_`
  std::optional<base::Error> unfinished_;
};

}  // namespace weir::logs
