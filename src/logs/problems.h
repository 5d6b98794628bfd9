// What did not fit, so that no total is wrong in silence.
#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"

namespace weir::logs {

/// Counts everything once, though a query may read an object twice, and keeps the first few for the
/// reader's eyes. For several threads.
class Problems {
 public:
  static constexpr std::size_t kKept = 10;
  /// So many lines are remembered; beyond them a line that is read twice counts twice.
  static constexpr std::size_t kRemembered = 100'000;

  /// A line of an object that is left out, or a value of it that is read as NULL.
  void bad_line(const std::string& object, std::uint64_t line, std::string_view what);
  /// An object that could not be read, or not to its end.
  void damaged(const std::string& object, const base::Error& error);

  [[nodiscard]] std::uint64_t bad_lines() const;
  [[nodiscard]] std::uint64_t damaged_objects() const;
  /// "file:line: what", the first of both kinds.
  [[nodiscard]] std::vector<std::string> first() const;

 private:
  mutable std::mutex mutex_;
  std::uint64_t bad_lines_ = 0;
  std::unordered_map<std::string, std::set<std::uint64_t>> known_lines_;
  std::set<std::string> damaged_;
  std::vector<std::string> lines_;
  std::vector<std::string> objects_;
};

}  // namespace weir::logs
