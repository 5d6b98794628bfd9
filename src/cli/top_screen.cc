#include "cli/top_screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/printable.h"

namespace weir::cli {
namespace {

/// "532", "1.2k", "34M": at most five characters.
std::string shortly(std::uint64_t number) {
  constexpr std::array kUnits = {"", "k", "M", "G", "T", "P", "E"};
  if (number < 10'000) return std::to_string(number);
  auto value = static_cast<double>(number);
  std::size_t unit = 0;
  // What would be printed as 1000 is one of the next unit.
  for (; value >= 999.5; ++unit) value /= 1000;
  return value < 9.95 ? fmt::format("{:.1f}{}", value, kUnits[unit])
                      : fmt::format("{:.0f}{}", value, kUnits[unit]);
}

/// Text has no escapes: what is cut is whole characters.
std::string cut(const std::string& text, std::size_t columns) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xc0U) != 0x80U;
    if (begins && seen++ == columns) return text.substr(0, i);
  }
  return text;
}

struct Cell {
  std::string text;
  bool is_number = false;
};
using Cells = std::vector<Cell>;

/// As wide as its widest cell; what is over the edge of the screen is cut.
std::vector<std::string> aligned(const std::vector<Cells>& rows, std::size_t columns) {
  std::vector<std::size_t> widths;
  for (const Cells& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], base::width(row[i].text));
    }
  }
  std::vector<std::string> out;
  for (const Cells& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - base::width(row[i].text), ' ');
      if (i != 0) line += "  ";
      line += row[i].is_number ? padding + row[i].text : row[i].text + padding;
    }
    line = cut(line, columns);
    line.erase(line.find_last_not_of(' ') + 1);
    out.push_back(std::move(line));
  }
  return out;
}

Cells cells_of(const TopRow& row, bool is_refused) {
  const Course& course = row.course;
  Cells cells = {{shortly(course.last.bytes), true},
                 {shortly(course.last.packets), true},
                 {shortly(course.total.bytes), true},
                 {shortly(course.total.packets), true},
                 {row.interface},
                 {row.source + " → " + row.destination}};
  if (is_refused) cells.insert(cells.end(), {{row.service}, {row.reason}});
  return cells;
}

Cells head_of(bool is_refused) {
  Cells cells = {{"bytes/s", true}, {"packets/s", true}, {"bytes", true},
                 {"packets", true}, {"interface"},       {"from → to"}};
  if (is_refused) cells.insert(cells.end(), {{"service"}, {"why"}});
  return cells;
}

class Screen {
 public:
  Screen(TopSize size, const Palette& palette) : size_(size), palette_(palette) {}

  void line(const std::string& text, std::string_view colour = {}) {
    if (lines_.size() == size_.lines) return;
    std::string shown = cut(text, size_.columns);
    if (!colour.empty()) shown = fmt::format("{}{}{}", colour, shown, palette_.end);
    lines_.push_back(std::move(shown));
  }

  void side(const TopTable::Side& side, const std::string& name, bool is_refused, bool is_chosen) {
    const std::string_view colour = is_refused ? palette_.refused : palette_.accepted;
    line(fmt::format("{} {}: {} bytes/s in {} packets/s; {} bytes in {} packets of {} rows",
                     is_chosen ? ">" : " ", name, shortly(side.last.bytes),
                     shortly(side.last.packets), shortly(side.total.bytes),
                     shortly(side.total.packets), side.count),
         colour);
    std::vector<Cells> rows = {head_of(is_refused)};
    for (const TopRow* row : side.rows) rows.push_back(cells_of(*row, is_refused));
    const std::vector<std::string> texts = aligned(rows, size_.columns);
    for (std::size_t i = 0; i < texts.size(); ++i) line(texts[i], i == 0 ? palette_.faint : "");
  }

  [[nodiscard]] std::vector<std::string> take() && { return std::move(lines_); }

 private:
  TopSize size_;
  const Palette& palette_;
  std::vector<std::string> lines_;
};

std::string_view name_of(TopOrder order) {
  if (order == TopOrder::packets) return "packets/s";
  return order == TopOrder::total ? "bytes" : "bytes/s";
}

/// What makes the figures wrong; nothing where they are right.
std::string told(const Gaps& gaps) {
  std::string out;
  if (gaps.left_out_ever != 0) {
    out += fmt::format("; without {} flows of the last second, {} of all", gaps.left_out,
                       gaps.left_out_ever);
  }
  if (gaps.missed_lines != 0) {
    out += fmt::format("; {} lines were missed, so that sums are too low", gaps.missed_lines);
  }
  if (!gaps.is_last_whole) out += "; what is told of a second is of the last whole one";
  return out;
}

/// The first row to show, so that the last ones fill the room.
std::size_t within(std::size_t first, std::size_t count, std::size_t room) {
  return std::min(first, count > room ? count - room : 0);
}

}  // namespace

bool TopView::press(std::string_view key) {
  std::size_t& first = is_at_refused ? first_refused : first_accepted;
  constexpr std::size_t kPage = 10;
  if (key == "q" || key == "Q") return false;
  if (key == "s") order = static_cast<TopOrder>((static_cast<int>(order) + 1) % 3);
  if (key == "\t" || key == "\x1b[C" || key == "\x1b[D") is_at_refused = !is_at_refused;
  if (key == "\x1b[B") ++first;
  if (key == "\x1b[A" && first > 0) --first;
  if (key == "\x1b[6~") first += kPage;
  if (key == "\x1b[5~") first -= std::min(first, kPage);
  return true;
}

std::vector<std::string> top_lines(const TopTable& table, TopView& view, const TopNews& news,
                                   TopSize size, const Palette& palette) {
  constexpr std::size_t kFixed = 7;  // title, keys, an empty line, two of each half
  const std::size_t room = size.lines > kFixed ? size.lines - kFixed : 0;
  // Each half has half of the room, and what the other does not need.
  const std::size_t accepted = table.accepted(view.order, 0, 0).count;
  const std::size_t refused = table.refused(view.order, 0, 0).count;
  const std::size_t for_refused =
      std::min(refused, std::max(room / 2, room - std::min(room, accepted)));
  const std::size_t for_accepted = std::min(accepted, room - for_refused);
  view.first_accepted = within(view.first_accepted, accepted, for_accepted);
  view.first_refused = within(view.first_refused, refused, for_refused);

  Screen screen(size, palette);
  std::string title = news.title + ", by " + std::string(name_of(view.order));
  screen.line(title + told(table.gaps()));
  if (news.has_keys) screen.line("q quit  s sort  ←→ half  ↑↓ rows", palette.faint);
  screen.side(table.accepted(view.order, view.first_accepted, for_accepted), "accepted", false,
              news.has_keys && !view.is_at_refused);
  screen.line("");
  screen.side(table.refused(view.order, view.first_refused, for_refused), "refused", true,
              news.has_keys && view.is_at_refused);
  return std::move(screen).take();
}

}  // namespace weir::cli
