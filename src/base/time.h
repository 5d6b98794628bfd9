// Time on the wire and in records. The clock is never read here: time is passed in.
#pragma once

#include <chrono>
#include <ctime>
#include <optional>
#include <string_view>

namespace weir::base {

using UnixSeconds = std::chrono::sys_seconds;
using UnixMicros = std::chrono::sys_time<std::chrono::microseconds>;

/// The second that `time` lies in; rounds towards the past, also before 1970.
constexpr UnixSeconds second_of(UnixMicros time) {
  return std::chrono::floor<std::chrono::seconds>(time);
}

/// The multiple of `length` since the epoch at or before `time`: how windows and the five-minute
/// slots of objects are aligned.
constexpr UnixSeconds aligned(UnixSeconds time, std::chrono::seconds length) {
  auto count = time.time_since_epoch().count();
  auto remainder = count % length.count();
  if (remainder < 0) remainder += length.count();
  return UnixSeconds(std::chrono::seconds(count - remainder));
}

/// Year, month and so on of a time, in UTC, to be printed by fmt: of a time itself it would print
/// those of the host's zone.
std::tm in_utc(UnixSeconds time);

/// A length with its unit: "30s", "5m", "2h", "7d".
std::optional<std::chrono::seconds> parse_duration(std::string_view text);

/// "2026-11-23", "2026-11-23T14:05", "2026-11-23 14:05:09Z" (all UTC), seconds since 1970, or how
/// long before `now`: "30m", "2h", "7d".
std::optional<UnixSeconds> parse_time(std::string_view text, UnixSeconds now);

}  // namespace weir::base
