#include "logs/problems.h"

#include <fmt/format.h>

namespace weir::logs {

void Problems::bad_line(const std::string& object, std::uint64_t line, std::string_view what) {
  const std::scoped_lock lock(mutex_);
  if (bad_lines_ < kRemembered) {
    if (!known_lines_[object].insert(line).second) return;
  } else if (const auto known = known_lines_.find(object);
             known != known_lines_.end() && known->second.contains(line)) {
    return;
  }
  ++bad_lines_;
  if (lines_.size() < kKept) lines_.push_back(fmt::format("{}:{}: {}", object, line, what));
}

void Problems::damaged(const std::string& object, const base::Error& error) {
  const std::scoped_lock lock(mutex_);
  if (!damaged_.insert(object).second) return;
  if (objects_.size() < kKept) objects_.push_back(fmt::format("{}: {}", object, error.message()));
}

std::uint64_t Problems::bad_lines() const {
  const std::scoped_lock lock(mutex_);
  return bad_lines_;
}

std::uint64_t Problems::damaged_objects() const {
  const std::scoped_lock lock(mutex_);
  return damaged_.size();
}

std::vector<std::string> Problems::first() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> all = objects_;
  all.insert(all.end(), lines_.begin(), lines_.end());
  return all;
}

}  // namespace weir::logs
