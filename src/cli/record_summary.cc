#include "cli/record_summary.h"

#include <fmt/format.h>

#include <initializer_list>
#include <string_view>
#include <utility>

#include "cli/options.h"

namespace weir::cli {
namespace {

/// ": 12 on eth0, 3 on eth1", where a capture tells of several interfaces.
std::string by_interface(std::span<const capture::CaptureInterface> interfaces) {
  constexpr std::size_t kListed = 8;
  if (interfaces.size() < 2) return {};
  std::string out;
  std::uint64_t rest = 0;
  for (std::size_t i = 0; i < interfaces.size(); ++i) {
    if (i < kListed) {
      out += fmt::format("{}{} on {}", i == 0 ? ": " : ", ", interfaces[i].packets,
                         interfaces[i].name);
    } else {
      rest += interfaces[i].packets;
    }
  }
  if (interfaces.size() > kListed) {
    out += fmt::format(", {} on {} more", rest, interfaces.size() - kListed);
  }
  return out;
}

void print_notes(const std::string& interface_id, const recorder::Summary& summary) {
  if (summary.foreign != 0) {
    fmt::print(stderr,
               "weir: note: {} with no address of {}: it forwarded them, or the capture is not its "
               "own\n",
               count_of(summary.foreign, "packet"), interface_id);
  }
  if (summary.late != 0) {
    fmt::print(stderr,
               "weir: note: the clock ran backwards: {} came after the window had closed and made "
               "further records there; NODATA may stand beside them\n",
               count_of(summary.late, "packet"));
  }
  if (summary.clock_jumps != 0) {
    fmt::print(
        stderr,
        "weir: note: the clock jumped by more than a day, {}; no NODATA was written for those "
        "days\n",
        count_of(summary.clock_jumps, "time"));
  }
  if (summary.not_tracked != 0) {
    fmt::print(stderr,
               "weir: warning: {} beyond the tracking table: replies were judged without it\n",
               count_of(summary.not_tracked, "connection"));
  }
}

std::uint64_t records_in(std::span<const deliver::PublishedObject> objects) {
  std::uint64_t records = 0;
  for (const deliver::PublishedObject& object : objects) records += object.records;
  return records;
}

}  // namespace

void print_summary(const std::string& capture, const std::string& interface_id,
                   const recorder::Summary& summary, bool is_written,
                   std::span<const capture::CaptureInterface> interfaces) {
  fmt::print(stderr, "{}: {} read{}\n", capture, count_of(summary.read, "packet"),
             by_interface(interfaces));
  const std::initializer_list<std::pair<std::uint64_t, std::string_view>> classes = {
      {summary.recorded,
       is_written ? "recorded" : "judged, but not all of their records could be written"},
      {summary.filtered_out, "not asked for (--traffic-type)"},
      {summary.not_logged, "not logged by AWS's rules"},
      {summary.no_interface, "of no described interface"},
      {summary.not_ip, "not IP"},
      {summary.truncated, "cut off within their headers by the capture"},
      {summary.malformed, "malformed"},
      {summary.unknown_link,
       "of a link type that is not read (Ethernet, raw IP, Linux cooked, BSD null and loop are)"},
  };
  for (const auto& [count, name] : classes) {
    if (count != 0) fmt::print(stderr, "{:>12} {}\n", count, name);
  }
  print_notes(interface_id, summary);
}

void print_objects(const std::string& destination, std::uint64_t made,
                   std::span<const deliver::PublishedObject> objects) {
  constexpr std::size_t kListed = 20;
  const std::uint64_t written = records_in(objects);
  fmt::print(stderr, "{} in {} under {}\n", count_of(written, "record"),
             count_of(objects.size(), "object"), destination);
  if (written != made) fmt::print(stderr, "{} not written\n", count_of(made - written, "record"));
  for (std::size_t i = 0; i < objects.size() && i < kListed; ++i) {
    fmt::print(stderr, "  {} ({}, {})\n", objects[i].key, count_of(objects[i].records, "record"),
               count_of(objects[i].bytes, "byte"));
  }
  if (objects.size() > kListed) fmt::print(stderr, "  and {} more\n", objects.size() - kListed);
}

void print_events(const std::string& destination, std::uint64_t made,
                  std::span<const deliver::PublishedObject> segments,
                  const deliver::EventTally& tally) {
  const std::uint64_t written = records_in(segments);
  fmt::print(stderr, "{} in {}\n", count_of(tally.taken, "record"), destination);
  if (written != made) fmt::print(stderr, "{} not written\n", count_of(made - written, "record"));
  const std::initializer_list<std::pair<std::uint64_t, const char*>> lacking = {
      {tally.too_old, "refused for ever: older than 14 days or the log group's retention"},
      {tally.too_new, "refused for ever: more than two hours ahead of the service's clock"},
      {tally.too_large, "larger than the service takes"},
      {written - tally.taken - tally.refused(), "not delivered"},
  };
  for (const auto& [count, why] : lacking) {
    if (count != 0) fmt::print(stderr, "weir: {} {}\n", count_of(count, "record"), why);
  }
  if (tally.maybe_twice != 0) {
    fmt::print(stderr,
               "weir: note: {} may be there twice: a call was made again that got no answer\n",
               count_of(tally.maybe_twice, "record"));
  }
}

}  // namespace weir::cli
