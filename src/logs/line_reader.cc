#include "logs/line_reader.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "logs/header.h"
#include "logs/separators.h"
#include "logs/unwrap.h"

namespace weir::logs {
namespace {

/// As much text as stays in a core's own cache with its separators.
constexpr std::size_t kBlockBytes = std::size_t{256} << 10U;
/// Enough for a header, and for some lines to know a format by that has none. Every object of a
/// query is read so far before it is planned.
constexpr std::size_t kFrontBytes = std::size_t{4} << 10U;
/// A line that is longer is no record.
constexpr std::size_t kLongestLine = kBlockBytes;

std::string_view without_return(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

}  // namespace

struct LineReader::State {
  State(std::unique_ptr<base::Input> the_input, std::string the_name, Problems& the_problems,
        std::size_t the_block_bytes)
      : input(std::move(the_input)),
        name(std::move(the_name)),
        problems(the_problems),
        block_bytes(the_block_bytes),
        bytes(block_bytes + kFieldPadding) {}

  void fill();
  void read_block();
  base::Expected<void> unwrap();
  base::Expected<void> take_first_line(const Columns& without_header);
  [[nodiscard]] bool has_line_of(std::size_t words) const;
  void take_lines();
  void index();
  bool is_regular(const SeparatorCount& count) const;
  void index_one_by_one(const SeparatorCount& count);
  void bad(std::string_view line, std::size_t fields);

  [[nodiscard]] std::string_view rest() const {
    return std::string_view(bytes.data(), end).substr(begin);
  }

  std::unique_ptr<base::Input> input;
  std::string name;
  Problems& problems;

  std::size_t block_bytes;
  std::vector<char> bytes;  ///< kFieldPadding more than may be filled
  std::size_t begin = 0;    ///< where the lines not yet handed out begin
  std::size_t end = 0;
  bool is_at_end = false;
  bool is_in_long_line = false;  ///< the rest of which is not wanted
  std::optional<base::Error> damage;

  std::vector<std::string> columns;
  std::uint64_t lines_done = 0;  ///< before the block
  std::uint64_t left_out = 0;    ///< of them
  bool has_record = false;
  std::uint64_t lines_in_block = 0;
  Lines lines;
  std::vector<std::uint32_t> separators;
  std::vector<std::uint32_t> starts;
  std::vector<std::uint32_t> ends;
  std::vector<std::uint32_t> numbers;  ///< of the lines in the block, where some were left out
};

/// Moves what is left to the front, and reads until the buffer is full or the input ends.
void LineReader::State::read_block() {
  if (is_in_long_line) begin = end;
  std::memmove(bytes.data(), bytes.data() + begin, end - begin);
  end -= begin;
  begin = 0;
  while (!is_at_end && end < block_bytes) {
    auto count = input->read(
        std::span(reinterpret_cast<std::uint8_t*>(bytes.data()) + end, block_bytes - end));
    if (!count) {
      damage = count.error();
      is_at_end = true;
    } else if (*count == 0) {
      is_at_end = true;
    } else {
      end += *count;
    }
  }
}

/// Makes room, reads, and sees to the ends of lines.
void LineReader::State::fill() {
  read_block();
  if (is_in_long_line) {
    const std::size_t line_end = rest().find('\n');
    is_in_long_line = line_end == std::string_view::npos;
    begin = is_in_long_line ? end : line_end + 1;
    lines_done += is_in_long_line ? 0 : 1;
  }
  // The last line may lack its end. What a damaged stream ends with is no whole line.
  if (is_at_end && end != 0 && bytes[end - 1] != '\n') {
    if (damage) {
      const std::size_t last = rest().rfind('\n');
      end = last == std::string_view::npos ? begin : begin + last + 1;
    } else {
      bytes[end++] = '\n';  // there is room: the padding
    }
  }
}

/// Begins anew with what stands inside: Firehose packs what a subscription filter has packed.
base::Expected<void> LineReader::State::unwrap() {
  const auto begin_anew = [this](std::unique_ptr<base::Input> inner) {
    input = std::move(inner);
    begin = end = 0;
    is_at_end = false;
    damage.reset();
    read_block();
  };
  constexpr std::string_view kGzip = "\x1f\x8b";
  if (rest().starts_with(kGzip)) {
    auto inner = base::unpacked(put_back(rest(), std::move(input)));
    if (!inner) return tl::unexpected(inner.error());
    begin_anew(std::move(*inner));
  }
  const std::size_t first = rest().find_first_not_of(" \r\n\t");
  if (first != std::string_view::npos && (rest()[first] == '{' || rest()[first] == '[')) {
    begin_anew(unwrap_messages(rest(), std::move(input)));
  }
  fill();
  begin += rest().size() - without_mark(rest()).size();
  return {};
}

/// Learns the columns. A first line that does not fit is no reason to refuse the others.
base::Expected<void> LineReader::State::take_first_line(const Columns& without_header) {
  std::string_view first = rest();
  while (!first.empty() && (first.front() == '\n' || first.front() == '\r')) {
    first.remove_prefix(1);
  }
  first = without_return(first.substr(0, first.find('\n')));
  if (auto names = header_of(first)) {
    columns = std::move(*names);
    return {};
  }
  columns = without_header;
  const std::size_t words = split(first).size();
  columns.insert(columns.begin(), words_in_front(first, columns.size()), "");
  const bool is_endless = !is_at_end && rest().find('\n') == std::string_view::npos;
  if (first.empty() || is_endless || words == columns.size() || has_line_of(columns.size())) {
    return {};
  }
  if (rest().find('\0') != std::string_view::npos) {
    return base::fail("", "is neither text nor Parquet", "is it a flow log?");
  }
  return base::fail("",
                    "has no header line, and its first line has " + std::to_string(words) +
                        " fields instead of " + std::to_string(columns.size()),
                    "say what they are with --log-format");
}

/// Is a line of what has been read a header, or of so many words?
bool LineReader::State::has_line_of(std::size_t words) const {
  std::string_view left = rest();
  while (!left.empty()) {
    const std::size_t line_end = std::min(left.find('\n'), left.size() - 1);
    const std::string_view line = without_return(left.substr(0, line_end));
    if (split(line).size() == words || header_of(line)) return true;
    left.remove_prefix(line_end + 1);
  }
  return false;
}

/// Makes a block of the whole lines in the buffer.
void LineReader::State::take_lines() {
  lines_done += lines_in_block;
  lines_in_block = 0;
  const std::size_t last = rest().rfind('\n');
  const std::size_t size = last == std::string_view::npos ? 0 : last + 1;
  lines.text_ = rest().substr(0, size);
  begin += size;
  index();
}

void LineReader::State::index() {
  const std::string_view text = lines.text_;
  separators.resize(std::max(separators.size(), text.size() + kSeparatorPadding));
  const SeparatorCount count = find_separators(text, separators.data());
  lines.columns_ = columns.size();
  if (!is_regular(count)) return index_one_by_one(count);
  lines_in_block = count.newlines;
  starts.resize(count.newlines);
  const std::size_t step = columns.size();
  std::uint32_t start = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    starts[i] = start;
    start = separators[i * step + step - 1] + 1;
  }
  numbers.clear();
  lines.starts_ = starts;
  lines.ends_ = std::span(separators).first(count.all);
}

/// Has each line as many fields as there are columns, and is none of them a header? Then the
/// separators are the fields' ends as they stand.
bool LineReader::State::is_regular(const SeparatorCount& count) const {
  const std::size_t step = columns.size();
  if (count.has_carriage_return || count.has_non_ascii || count.all != count.newlines * step) {
    return false;
  }
  const char* text = lines.text_.data();
  std::size_t start = 0;
  for (std::size_t i = step - 1; i < count.all; i += step) {
    const std::size_t line_end = separators[i];
    if (text[line_end] != '\n') return false;
    if (is_letter(text[start]) &&
        is_field_name(lines.text_.substr(start, separators[i + 1 - step] - start))) {
      return false;
    }
    start = line_end + 1;
  }
  return true;
}

/// The slow way: some line is a header, empty, has a carriage return or does not fit. A header of
/// another format ends the block.
void LineReader::State::index_one_by_one(const SeparatorCount& count) {
  starts.clear();
  ends.clear();
  numbers.clear();
  const bool may_be_bytes = count.has_non_ascii;  // which DuckDB does not take as text
  std::size_t start = 0;
  std::size_t first_end = 0;  // among the separators
  for (std::size_t i = 0; i < count.all; ++i) {
    if (lines.text_[separators[i]] != '\n') continue;
    const std::size_t fields = i + 1 - first_end;
    const std::string_view line = without_return(lines.text_.substr(start, separators[i] - start));
    const std::string_view unmarked = without_mark(line);
    const bool may_be_header = is_field_name(unmarked.substr(0, unmarked.find(' ')));
    if (auto names = may_be_header ? header_of(unmarked) : std::nullopt) {
      if (*names != columns) {
        if (lines_in_block != 0) {
          begin -= lines.text_.size() - start;  // what follows is for the next block
          break;
        }
        columns = std::move(*names);
        lines.columns_ = columns.size();
      }
    } else if (fields == columns.size() && (!may_be_bytes || is_utf8(line))) {
      starts.push_back(static_cast<std::uint32_t>(start));
      ends.insert(ends.end(), separators.begin() + static_cast<std::ptrdiff_t>(first_end),
                  separators.begin() + static_cast<std::ptrdiff_t>(i + 1));
      ends.back() = static_cast<std::uint32_t>(start + line.size());
      numbers.push_back(static_cast<std::uint32_t>(lines_in_block));
    } else if (!line.empty()) {
      ++left_out;
      bad(line, fields);
    }
    ++lines_in_block;
    start = separators[i] + std::size_t{1};
    first_end = i + 1;
  }
  lines.starts_ = starts;
  lines.ends_ = ends;
}

void LineReader::State::bad(std::string_view line, std::size_t fields) {
  std::string what =
      "has " + std::to_string(fields) + " fields instead of " + std::to_string(columns.size());
  if (line == kNoMessage) {
    what = "is JSON without a message";
  } else if (fields == columns.size()) {
    what = "is not UTF-8";
  }
  problems.bad_line(name, lines_done + lines_in_block + 1, what + ", and is left out");
}

LineReader::LineReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
LineReader::~LineReader() = default;

base::Expected<std::unique_ptr<LineReader>> LineReader::open(std::unique_ptr<base::Input> input,
                                                             std::string name,
                                                             const Columns& without_header,
                                                             Problems& problems) {
  return open(std::move(input), std::move(name), without_header, problems, kBlockBytes);
}

base::Expected<LineReader::Columns> LineReader::columns_at_front(std::unique_ptr<base::Input> input,
                                                                 const Columns& without_header) {
  Problems told_later;
  auto reader = open(std::move(input), "", without_header, told_later, kFrontBytes);
  if (!reader) return tl::unexpected(reader.error());
  const State& state = *(*reader)->state_;
  if (!state.is_at_end && state.rest().find('\n') == std::string_view::npos) {
    return base::fail("", "has a longer line at its front than was read of it");
  }
  return state.columns;
}

base::Expected<std::unique_ptr<LineReader>> LineReader::open(std::unique_ptr<base::Input> input,
                                                             std::string name,
                                                             const Columns& without_header,
                                                             Problems& problems,
                                                             std::size_t block_bytes) {
  auto unpacked = base::unpacked(std::move(input), std::min(block_bytes, base::kPackedAtOnce));
  if (!unpacked) return tl::unexpected(unpacked.error());
  auto state =
      std::make_unique<State>(std::move(*unpacked), std::move(name), problems, block_bytes);
  state->read_block();
  if (auto inner = state->unwrap(); !inner) return tl::unexpected(inner.error());
  if (auto known = check_kind(state->rest()); !known) return tl::unexpected(known.error());
  if (auto taken = state->take_first_line(without_header); !taken) {
    return tl::unexpected(state->damage ? *state->damage : taken.error());
  }
  return std::unique_ptr<LineReader>(new LineReader(std::move(state)));
}

std::unique_ptr<LineReader> LineReader::resume(std::unique_ptr<base::Input> input, std::string name,
                                               Columns columns, std::uint64_t lines_before,
                                               Problems& problems) {
  auto state = std::make_unique<State>(std::move(input), std::move(name), problems, kBlockBytes);
  state->read_block();
  if (auto inner = state->unwrap(); !inner) state->damage = inner.error();
  state->columns = std::move(columns);
  state->lines_done = lines_before;
  state->has_record = lines_before != 0;
  return std::unique_ptr<LineReader>(new LineReader(std::move(state)));
}

const LineReader::Columns& LineReader::columns() const {
  return state_->columns;
}

base::Expected<const Lines*> LineReader::next() {
  State& state = *state_;
  for (;;) {
    state.take_lines();
    if (state.lines.size() != 0) {
      state.has_record = true;
      return &state.lines;
    }
    if (state.lines_in_block != 0) continue;  // nothing but headers and lines that do not fit
    if (state.end - state.begin >= kLongestLine) {
      state.problems.bad_line(state.name, state.lines_done + 1, "is too long, and is left out");
      state.is_in_long_line = true;
    }
    if (state.is_at_end) {
      if (!state.damage && !state.has_record && std::exchange(state.left_out, 0) != 0) {
        return base::fail("", "has no line that fits", "is it a flow log?");
      }
      if (!state.damage) return nullptr;
      return tl::unexpected(*std::exchange(state.damage, std::nullopt));
    }
    state.fill();
  }
}

std::uint64_t LineReader::line_number(std::size_t i) const {
  return state_->lines_done + 1 + (state_->numbers.empty() ? i : state_->numbers[i]);
}

std::uint64_t LineReader::lines_read() const {
  return state_->lines_done + state_->lines_in_block;
}

std::uint64_t LineReader::consumed() const {
  return state_->input->consumed();
}

}  // namespace weir::logs
