#include "base/time.h"

#include <charconv>
#include <cstdint>
#include <utility>

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

constexpr std::int64_t kLastSecond = 253'402'300'799;  // the end of the year 9999

/// The number that the text begins with, and what follows it.
std::optional<std::pair<std::int64_t, std::string_view>> number_and_rest(std::string_view text) {
  std::int64_t number = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc{} || number < 0 || number > kLastSecond) return std::nullopt;
  return std::pair(number, text.substr(static_cast<std::size_t>(end - text.data())));
}

}  // namespace

std::tm in_utc(UnixSeconds time) {
  const std::time_t seconds = time.time_since_epoch().count();
  std::tm out{};
  gmtime_r(&seconds, &out);
  return out;
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  const auto parts = number_and_rest(text);
  if (!parts || parts->second.size() != 1 || parts->first > kLastSecond / 86'400) {
    return std::nullopt;
  }
  switch (parts->second.front()) {
    case 's':
      return std::chrono::seconds(parts->first);
    case 'm':
      return std::chrono::minutes(parts->first);
    case 'h':
      return std::chrono::hours(parts->first);
    case 'd':
      return std::chrono::days(parts->first);
    default:
      return std::nullopt;
  }
}

std::optional<UnixSeconds> parse_time(std::string_view text, UnixSeconds now) {
  if (auto time = date_and_time(text)) return time;
  if (const auto ago = parse_duration(text)) return now - *ago;
  const auto parts = number_and_rest(text);
  if (!parts || !parts->second.empty()) return std::nullopt;
  return UnixSeconds(std::chrono::seconds(parts->first));
}

}  // namespace weir::base
