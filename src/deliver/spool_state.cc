#include "deliver/spool_state.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "deliver/segment_file.h"

namespace weir::deliver {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// How many of a sequence's bits count those of one opening.
constexpr unsigned kOpeningShift = 32;

}  // namespace

base::Expected<bool> SpoolState::read() {
  std::error_code error;
  const bool is_there = fs::exists(file_, error);
  if (error) return base::fail(file_.string(), "cannot be read: " + error.message());
  if (!is_there) return true;
  const auto text = read_before_last_line(disk_, file_);
  if (!text) return tl::unexpected(text.error());
  const Json found = *text ? Json::parse(**text, nullptr, false) : Json();
  const bool is_whole = found.is_object() && found.contains("opening") &&
                        found.contains("removed") && found.contains("lost") &&
                        found["opening"].is_number_unsigned() && found["removed"].is_array();
  auto lost = is_whole ? coverage_of_json(found["lost"].dump()) : std::nullopt;
  if (!lost) return false;
  opening_ = found["opening"].get<std::uint64_t>();
  lost_ = std::move(*lost);
  for (const Json& each : found["removed"]) {
    if (each.is_number_unsigned()) removed_.insert(each.get<std::uint64_t>());
  }
  return true;
}

base::Expected<void> SpoolState::write() {
  is_written_ = false;
  fs::path fresh = file_;
  fresh += ".new";
  Json out = {{"opening", opening_}, {"removed", removed_}};
  out["lost"] = Json::parse(to_json(lost_));
  if (auto done = disk_.remove(fresh); !done) return done;
  if (auto done = disk_.append_synced(fresh, with_last_line(out.dump())); !done) return done;
  if (auto done = disk_.rename(fresh, file_); !done) return done;
  if (auto done = disk_.sync_folder(file_.parent_path()); !done) return done;
  is_written_ = true;
  return {};
}

base::Expected<void> SpoolState::write_if_needed() {
  return is_written_ ? base::Expected<void>() : write();
}

void SpoolState::has_met(std::uint64_t sequence) {
  opening_ = std::max(opening_, sequence >> kOpeningShift);
}

base::Expected<void> SpoolState::begin_opening() {
  ++opening_;
  return write();
}

std::uint64_t SpoolState::next_sequence() {
  return (opening_ << kOpeningShift) + sequences_++;
}

std::uint64_t SpoolState::million_numbers() {
  constexpr unsigned kMillion = 20;  // 2^20
  return (opening_ << kMillion | millions_++) << kMillion;
}

std::optional<base::UnixSeconds> SpoolState::lost_in_memory() const {
  return is_written_ ? std::nullopt : lost_.first();
}

base::Expected<void> SpoolState::lose(const Coverage& windows,
                                      std::optional<std::uint64_t> sequence) {
  lost_.add(windows);
  if (sequence) removed_.insert(*sequence);
  return write();
}

base::Expected<void> SpoolState::forget_lost(const Coverage& windows) {
  lost_.remove(windows);
  return write();
}

}  // namespace weir::deliver
