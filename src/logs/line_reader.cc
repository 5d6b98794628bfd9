#include "logs/line_reader.h"

#include <algorithm>
#include <cstring>

#include "logs/separators.h"
#include "logs/unwrap.h"
#include "record/catalogue.h"

namespace weir::logs {
namespace {

/// As much text as stays in a core's own cache with its separators.
constexpr std::size_t kBlockBytes = std::size_t{256} << 10U;
/// A line that is longer is no record.
constexpr std::size_t kLongestLine = kBlockBytes;

std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> out;
  for (;;) {
    const std::size_t space = line.find(' ');
    out.emplace_back(line.substr(0, space));
    if (space == std::string_view::npos) return out;
    line.remove_prefix(space + 1);
  }
}

/// Names only, in the form in which logs print them; a name from the future is one too, so long as
/// a field that is known stands beside it.
bool is_header(const std::vector<std::string>& words) {
  bool has_known = false;
  for (const std::string& word : words) {
    const bool is_name = !word.empty() && word.front() >= 'a' && word.front() <= 'z' &&
                         std::all_of(word.begin(), word.end(), [](char c) {
                           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                         });
    if (!is_name) return false;
    has_known |= record::find_field(word) != nullptr;
  }
  return has_known;
}

std::string_view without_return(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

}  // namespace

struct LineReader::State {
  State(std::unique_ptr<base::Input> the_input, std::string the_name, Problems& the_problems)
      : input(std::move(the_input)),
        name(std::move(the_name)),
        problems(the_problems),
        bytes(kBlockBytes + kSeparatorPadding) {}

  void fill();
  void unwrap();
  void take_lines();
  void index();
  bool is_regular(const SeparatorCount& count) const;
  void index_one_by_one(std::size_t separators);
  bool take_header(std::string_view line);
  void bad(std::uint64_t line, std::size_t fields);

  [[nodiscard]] std::string_view rest() const {
    return std::string_view(bytes.data(), end).substr(begin);
  }

  std::unique_ptr<base::Input> input;
  std::string name;
  Problems& problems;

  std::vector<char> bytes;  ///< kSeparatorPadding more than may be filled
  std::size_t begin = 0;    ///< where the lines not yet handed out begin
  std::size_t end = 0;
  bool is_at_end = false;
  bool is_in_long_line = false;  ///< the rest of which is not wanted
  std::optional<base::Error> damage;

  std::vector<std::string> columns;
  std::string first_word;        ///< of the header, or of what a header would be
  std::uint64_t lines_done = 0;  ///< before the block
  std::uint64_t lines_in_block = 0;
  Lines lines;
  std::vector<std::uint32_t> separators;
  std::vector<std::uint32_t> starts;
  std::vector<std::uint32_t> ends;
  std::vector<std::uint32_t> numbers;  ///< of the lines in the block, where some were left out
};

/// Moves what is left to the front, and reads until the buffer is full or the input ends.
void LineReader::State::fill() {
  if (is_in_long_line) begin = end;
  std::memmove(bytes.data(), bytes.data() + begin, end - begin);
  end -= begin;
  begin = 0;
  while (!is_at_end && end < kBlockBytes) {
    auto count = input->read(
        std::span(reinterpret_cast<std::uint8_t*>(bytes.data()) + end, kBlockBytes - end));
    if (!count) {
      damage = count.error();
      is_at_end = true;
    } else if (*count == 0) {
      is_at_end = true;
    } else {
      end += *count;
    }
  }
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

/// Begins anew with what stands inside the lines.
void LineReader::State::unwrap() {
  input = unwrap_messages(rest(), std::move(input));
  begin = end = 0;
  is_at_end = false;
  damage.reset();
  fill();
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
  if (!is_regular(count)) return index_one_by_one(count.all);
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
  if (count.has_carriage_return || count.all != count.newlines * step) return false;
  const char* text = lines.text_.data();
  std::size_t start = 0;
  for (std::size_t i = step - 1; i < count.all; i += step) {
    const std::size_t line_end = separators[i];
    if (text[line_end] != '\n') return false;
    if (text[start] == first_word.front() &&
        lines.text_.substr(start, first_word.size()) == first_word) {
      return false;
    }
    start = line_end + 1;
  }
  return true;
}

/// The slow way: some line is a header, empty, has a carriage return or does not fit. A header of
/// another format ends the block.
void LineReader::State::index_one_by_one(std::size_t separator_count) {
  starts.clear();
  ends.clear();
  numbers.clear();
  std::size_t start = 0;
  std::size_t first_end = 0;  // among the separators
  for (std::size_t i = 0; i < separator_count; ++i) {
    if (lines.text_[separators[i]] != '\n') continue;
    const std::size_t fields = i + 1 - first_end;
    const std::string_view line = without_return(lines.text_.substr(start, separators[i] - start));
    const bool may_be_header = record::find_field(line.substr(0, line.find(' '))) != nullptr;
    if (may_be_header && is_header(split(line))) {
      if (split(line) != columns) {
        if (lines_in_block != 0) {
          begin -= lines.text_.size() - start;  // what follows is for the next block
          break;
        }
        take_header(line);
        lines.columns_ = columns.size();
      }
    } else if (fields == columns.size()) {
      starts.push_back(static_cast<std::uint32_t>(start));
      ends.insert(ends.end(), separators.begin() + static_cast<std::ptrdiff_t>(first_end),
                  separators.begin() + static_cast<std::ptrdiff_t>(i + 1));
      ends.back() = static_cast<std::uint32_t>(start + line.size());
      numbers.push_back(static_cast<std::uint32_t>(lines_in_block));
    } else if (!line.empty()) {
      bad(lines_done + lines_in_block + 1, fields);
    }
    ++lines_in_block;
    start = separators[i] + std::size_t{1};
    first_end = i + 1;
  }
  lines.starts_ = starts;
  lines.ends_ = ends;
}

bool LineReader::State::take_header(std::string_view line) {
  auto words = split(line);
  if (!is_header(words)) return false;
  columns = std::move(words);
  first_word = columns.front();
  return true;
}

void LineReader::State::bad(std::uint64_t line, std::size_t fields) {
  problems.bad_line(name, line,
                    "has " + std::to_string(fields) + " fields instead of " +
                        std::to_string(columns.size()) + ", and is left out");
}

LineReader::LineReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
LineReader::~LineReader() = default;

base::Expected<std::unique_ptr<LineReader>> LineReader::open(std::unique_ptr<base::Input> input,
                                                             std::string name,
                                                             const Columns& without_header,
                                                             Problems& problems) {
  auto unpacked = base::unpacked(std::move(input));
  if (!unpacked) return tl::unexpected(unpacked.error());
  auto state = std::make_unique<State>(std::move(*unpacked), std::move(name), problems);
  state->fill();
  if (!state->rest().empty() && state->rest().front() == '{') state->unwrap();
  std::string_view first = state->rest();
  while (!first.empty() && (first.front() == '\n' || first.front() == '\r')) {
    first.remove_prefix(1);
  }
  first = without_return(first.substr(0, first.find('\n')));
  if (!state->take_header(first)) {
    state->columns = without_header;
    const std::size_t fields = split(first).size();
    if (starts_with_time(first)) state->columns.insert(state->columns.begin(), "");
    if (!first.empty() && fields != state->columns.size()) {
      return base::fail(state->name,
                        "has no header line, and its first line has " + std::to_string(fields) +
                            " fields instead of " + std::to_string(state->columns.size()),
                        "say what they are with --log-format");
    }
    state->first_word = without_header.front();
  }
  return std::unique_ptr<LineReader>(new LineReader(std::move(state)));
}

std::unique_ptr<LineReader> LineReader::resume(std::unique_ptr<base::Input> input, std::string name,
                                               Columns columns, std::uint64_t lines_before,
                                               Problems& problems) {
  auto state = std::make_unique<State>(std::move(input), std::move(name), problems);
  state->fill();
  if (!state->rest().empty() && state->rest().front() == '{') state->unwrap();
  // The time in front of a line that CloudWatch Logs exports has no name.
  state->first_word = columns.front().empty() && columns.size() > 1 ? columns[1] : columns.front();
  state->columns = std::move(columns);
  state->lines_done = lines_before;
  return std::unique_ptr<LineReader>(new LineReader(std::move(state)));
}

const LineReader::Columns& LineReader::columns() const {
  return state_->columns;
}

base::Expected<const Lines*> LineReader::next() {
  State& state = *state_;
  for (;;) {
    state.take_lines();
    if (state.lines.size() != 0) return &state.lines;
    if (state.lines_in_block != 0) continue;  // nothing but headers and lines that do not fit
    if (state.end - state.begin >= kLongestLine) {
      state.problems.bad_line(state.name, state.lines_done + 1, "is too long, and is left out");
      state.is_in_long_line = true;
    }
    if (state.is_at_end) {
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
