#include "deliver/event.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "aws/sts.h"

namespace weir::deliver {
namespace {

/// Times that have four digits of a year; a record with another one is too new for any service.
constexpr base::UnixSeconds kFirst{};
constexpr base::UnixSeconds kLast{std::chrono::sys_days(std::chrono::year(9999) / 12 / 31)};

void append_time(std::string& out, base::UnixSeconds time) {
  time = std::clamp(time, kFirst, kLast);
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date = day;
  const std::chrono::hh_mm_ss clock(time - day);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}+00:00",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                 clock.seconds().count());
}

}  // namespace

std::string stream_of(std::string_view interface_id) {
  return std::string(interface_id) + "-all";
}

void append_event(std::string& out, const Event& event) {
  append_time(out, event.time);
  out += ' ';
  out += event.stream;
  out += ' ';
  out += event.line;
  out += '\n';
}

base::Expected<std::vector<Event>> read_events(const std::filesystem::path& file,
                                               std::uint64_t bytes) {
  std::string text(bytes, '\0');
  std::ifstream input(file, std::ios::binary);
  if (!input.read(text.data(), static_cast<std::streamsize>(bytes))) {
    return base::fail(file.string(), "cannot be read");
  }
  std::vector<Event> events;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    const std::size_t first = line.find(' ');
    const std::size_t second = line.find(' ', first + 1);
    const auto time = aws::parse_iso_time(line.substr(0, first));
    if (end == std::string_view::npos || second >= line.size() || !time) {
      return base::fail(file.string(), fmt::format("line {} is no event", events.size() + 1));
    }
    events.push_back({*time, std::string(line.substr(first + 1, second - first - 1)),
                      std::string(line.substr(second + 1))});
    rest.remove_prefix(end + 1);
  }
  return events;
}

}  // namespace weir::deliver
