#include "logs/reading_place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/descriptor.h"

namespace weir::logs {

/// An object on disk, which may change while it is read.
class ReadingPlace::File {
 public:
  explicit File(const std::string& path)
      : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    struct stat status {};
    if (!descriptor_.is_open()) {
      error_ = errno;
    } else if (::fstat(descriptor_.get(), &status) == 0 && S_ISREG(status.st_mode)) {
      is_regular_ = true;
      constexpr std::int64_t kNanos = 1'000'000'000;
      extent_ = {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
                 status.st_mtim.tv_sec * kNanos + status.st_mtim.tv_nsec};
    }
  }

  [[nodiscard]] bool is_regular() const { return is_regular_; }
  /// Why it cannot be opened; 0 where it can, or is gone.
  [[nodiscard]] int error() const { return error_ == ENOENT ? 0 : error_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const Extent& extent() const { return extent_; }

  [[nodiscard]] bool is_packed() const {
    if (path_.ends_with(".gz") || path_.ends_with(".zst")) return true;
    const std::string first = bytes(0, 4);
    return first.starts_with("\x1f\x8b") || first == "\x28\xb5\x2f\xfd";
  }

  /// As many of the bytes as there are.
  [[nodiscard]] std::string bytes(std::uint64_t offset, std::uint64_t count) const {
    std::string out(count, '\0');
    std::size_t have = 0;
    while (have < out.size()) {
      const ssize_t got = ::pread(descriptor_.get(), out.data() + have, out.size() - have,
                                  static_cast<off_t>(offset + have));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    out.resize(have);
    return out;
  }

  /// Where the last whole line before `end` ends; `begin` if none does.
  [[nodiscard]] std::uint64_t whole_lines(std::uint64_t begin, std::uint64_t end) const {
    constexpr std::uint64_t kBlock = std::uint64_t{64} << 10U;
    while (end > begin) {
      const std::uint64_t start = end - begin > kBlock ? end - kBlock : begin;
      const std::size_t newline = bytes(start, end - start).rfind('\n');
      if (newline != std::string::npos) return start + newline + 1;
      end = start;
    }
    return begin;
  }

  /// Its bytes from `begin` to `end`. The file outlives the input.
  [[nodiscard]] std::unique_ptr<base::Input> input(std::uint64_t begin, std::uint64_t end) const;

 private:
  class Range;
  std::string path_;
  base::Descriptor descriptor_;
  int error_ = 0;
  bool is_regular_ = false;
  Extent extent_;
};

class ReadingPlace::File::Range : public base::Input {
 public:
  Range(const File& file, std::uint64_t begin, std::uint64_t end)
      : file_(file), begin_(begin), at_(begin), end_(end) {}
  base::Expected<std::size_t> read(std::span<std::uint8_t> out) override {
    const std::string bytes = file_.bytes(at_, std::min<std::uint64_t>(out.size(), end_ - at_));
    std::memcpy(out.data(), bytes.data(), bytes.size());
    at_ += bytes.size();
    return bytes.size();
  }
  [[nodiscard]] std::uint64_t consumed() const override { return at_ - begin_; }
  [[nodiscard]] std::uint64_t total() const override { return end_ - begin_; }

 private:
  const File& file_;
  std::uint64_t begin_;
  std::uint64_t at_;
  std::uint64_t end_;
};

std::unique_ptr<base::Input> ReadingPlace::File::input(std::uint64_t begin,
                                                       std::uint64_t end) const {
  return std::make_unique<Range>(*this, begin, end);
}

namespace {

/// So much of what stands before a place tells whether a file is the one it was.
constexpr std::uint64_t kKnownBytes = 256;

std::string text_of(const Lines& lines, std::size_t line, std::size_t columns) {
  std::string text;
  for (std::size_t i = 0; i < columns; ++i) (text += lines.field(line, i)) += ' ';
  return text;
}

}  // namespace

void ReadingPlace::pass_over(const std::string& path) {
  forget();
  const File file(path);
  if (!file.is_regular()) return;
  extent_ = file.extent();
  if (file.is_packed()) {
    is_passed_ = true;
    return;
  }
  offset_ = file.whole_lines(0, extent_.bytes);
  const std::uint64_t known = std::min(offset_, kKnownBytes);
  last_text_ = file.bytes(offset_ - known, known);
}

bool ReadingPlace::read(const std::string& path, const LineReader::Columns& without_header,
                        bool is_complete, LineSink& sink) {
  const File file(path);
  if (file.error() != 0) {
    Problems problems;
    problems.damaged(path, {path, std::string("cannot be opened: ") + strerror(file.error()), ""});
    sink.problems(problems);
  }
  if (!file.is_regular()) return true;
  return file.is_packed() ? read_packed(file, without_header, is_complete, sink)
                          : read_plain(file, without_header, is_complete, sink);
}

bool ReadingPlace::read_packed(const File& file, const LineReader::Columns& without_header,
                               bool is_complete, LineSink& sink) {
  Problems problems;
  if (file.extent() == extent_) {
    if (is_complete && unfinished_) {
      problems.damaged(file.path(), *std::exchange(unfinished_, std::nullopt));
      sink.problems(problems);
    }
    return true;
  }
  if (is_passed_) count_passed_lines(file, without_header);
  if (lines_ != 0 && !has_same_beginning(file, without_header)) lines_ = 0;
  extent_ = file.extent();
  unfinished_.reset();
  auto reader =
      LineReader::open(file.input(0, extent_.bytes), file.path(), without_header, problems);
  bool goes_on = true;
  if (reader) {
    goes_on = hand_out(**reader, lines_, file.path(), is_complete, problems, sink);
  } else if (is_complete) {
    problems.damaged(file.path(), reader.error());
  } else {
    unfinished_ = reader.error();
  }
  sink.problems(problems);
  return goes_on;
}

/// The lines of what was passed over of a packed object, as far as it is still there.
void ReadingPlace::count_passed_lines(const File& file, const LineReader::Columns& without_header) {
  is_passed_ = false;
  if (file.extent().bytes >= extent_.bytes) pass_lines(file, extent_.bytes, without_header);
}

/// Reads the front of the object for what stands there: how many lines, and of which columns.
void ReadingPlace::pass_lines(const File& file, std::uint64_t end,
                              const LineReader::Columns& without_header) {
  Problems told_before;
  columns_ = without_header;
  auto reader = LineReader::open(file.input(0, end), file.path(), without_header, told_before);
  while (reader) {
    auto block = (*reader)->next();
    columns_ = (*reader)->columns();
    lines_before_ = (*reader)->lines_read();
    if (!block || *block == nullptr) break;
    lines_ += (*block)->size();
    last_text_ = text_of(**block, (*block)->size() - 1, columns_.size());
  }
}

/// Is the last line that was handed out still where it was?
bool ReadingPlace::has_same_beginning(const File& file,
                                      const LineReader::Columns& without_header) const {
  Problems told_later;
  auto reader =
      LineReader::open(file.input(0, file.extent().bytes), file.path(), without_header, told_later);
  std::uint64_t before = 0;
  while (reader) {
    auto block = (*reader)->next();
    if (!block || *block == nullptr) break;
    const std::uint64_t after = before + (*block)->size();
    if (after >= lines_) {
      return text_of(**block, lines_ - before - 1, (*reader)->columns().size()) == last_text_;
    }
    before = after;
  }
  return false;
}

/// Hands out all but the first `skipped` lines, and keeps what the next reading needs.
bool ReadingPlace::hand_out(LineReader& reader, std::uint64_t skipped, const std::string& path,
                            bool is_complete, Problems& problems, LineSink& sink) {
  std::uint64_t count = 0;
  for (;;) {
    auto block = reader.next();
    if (!block) {
      if (is_complete) {
        problems.damaged(path, block.error());
      } else {
        unfinished_ = block.error();
      }
      return true;
    }
    if (*block == nullptr) return true;
    const Lines& lines = **block;
    const std::uint64_t first =
        std::min<std::uint64_t>(skipped - std::min(skipped, count), lines.size());
    count += lines.size();
    lines_ = std::max(lines_, count);
    last_text_ = text_of(lines, lines.size() - 1, reader.columns().size());
    if (first < lines.size() && !sink.lines(reader.columns(), lines, first)) return false;
  }
}

bool ReadingPlace::read_plain(const File& file, const LineReader::Columns& without_header,
                              bool is_complete, LineSink& sink) {
  const std::uint64_t known = last_text_.size();
  if (offset_ > file.extent().bytes || file.bytes(offset_ - known, known) != last_text_) forget();
  extent_ = file.extent();
  const std::uint64_t end = is_complete ? extent_.bytes : file.whole_lines(offset_, extent_.bytes);
  if (end == offset_) return true;
  Problems problems;
  std::unique_ptr<LineReader> reader;
  if (offset_ != 0 && columns_.empty()) pass_lines(file, offset_, without_header);
  if (columns_.empty()) {
    auto opened = LineReader::open(file.input(0, end), file.path(), without_header, problems);
    if (!opened) {
      problems.damaged(file.path(), opened.error());
      columns_ = without_header;
    } else {
      reader = std::move(*opened);
    }
  } else {
    reader = LineReader::resume(file.input(offset_, end), file.path(), columns_, lines_before_,
                                problems);
  }
  bool goes_on = true;
  if (reader != nullptr) {
    goes_on = hand_out(*reader, 0, file.path(), is_complete, problems, sink);
    columns_ = reader->columns();
    lines_before_ = reader->lines_read();
  }
  offset_ = end;
  last_text_ = file.bytes(end - std::min(end, kKnownBytes), std::min(end, kKnownBytes));
  sink.problems(problems);
  return goes_on;
}

}  // namespace weir::logs
