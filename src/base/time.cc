#include "base/time.h"

#include <charconv>
#include <cstdint>

namespace weir::base {
namespace {

/// Takes a number of exactly so many digits off the front; then `after`, if it is not 0.
std::optional<int> take(std::string_view& text, std::size_t digits, char after) {
  int value = 0;
  if (text.size() < digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc{} || end != text.data() + digits || value < 0) return std::nullopt;
  text.remove_prefix(digits);
  if (after == 0) return value;
  if (text.empty() || text.front() != after) return std::nullopt;
  text.remove_prefix(1);
  return value;
}

/// What follows a date: nothing, or "T14:05", with seconds or without.
std::optional<std::chrono::seconds> time_of_day(std::string_view text) {
  if (!text.empty() && text.back() == 'Z') text.remove_suffix(1);
  if (text.empty()) return std::chrono::seconds(0);
  if (text.front() != 'T' && text.front() != ' ') return std::nullopt;
  text.remove_prefix(1);
  const auto hour = take(text, 2, ':');
  const auto minute = hour ? take(text, 2, 0) : std::nullopt;
  if (!minute || *hour > 23 || *minute > 59) return std::nullopt;
  int second = 0;
  if (!text.empty()) {
    if (text.front() != ':') return std::nullopt;
    text.remove_prefix(1);
    const auto taken = take(text, 2, 0);
    if (!taken || *taken > 59 || !text.empty()) return std::nullopt;
    second = *taken;
  }
  return std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(second);
}

std::optional<UnixSeconds> date_and_time(std::string_view text) {
  const auto year = take(text, 4, '-');
  const auto month = year ? take(text, 2, '-') : std::nullopt;
  const auto day = month ? take(text, 2, 0) : std::nullopt;
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  const auto time = time_of_day(text);
  if (!date.ok() || !time) return std::nullopt;
  return UnixSeconds(std::chrono::sys_days(date)) + *time;
}

}  // namespace

std::optional<UnixSeconds> parse_time(std::string_view text, UnixSeconds now) {
  if (auto time = date_and_time(text)) return time;
  std::int64_t number = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  constexpr std::int64_t kLast = 253'402'300'799;  // the end of the year 9999
  if (error != std::errc{} || number < 0 || number > kLast) return std::nullopt;
  if (end == last) return UnixSeconds(std::chrono::seconds(number));
  if (end + 1 != last || number > kLast / 86'400) return std::nullopt;
  switch (*end) {
    case 's':
      return now - std::chrono::seconds(number);
    case 'm':
      return now - std::chrono::minutes(number);
    case 'h':
      return now - std::chrono::hours(number);
    case 'd':
      return now - std::chrono::days(number);
    default:
      return std::nullopt;
  }
}

}  // namespace weir::base
