// Which segments of a spool wait, and what is known of each without its file.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/time.h"
#include "deliver/segment_file.h"

namespace weir::deliver {

/// By sequence, the oldest first. One that is taken waits still.
class WaitingSegments {
 public:
  /// `bytes` of its file. What was said of it when it was sealed is kept as text, in a fifth of the
  /// room; nothing: it could not be read.
  void add(std::uint64_t sequence, std::uint64_t bytes, const std::optional<Sealing>& what);
  void remove(std::uint64_t sequence);

  /// The oldest that nobody has taken and that `is_wanted`.
  [[nodiscard]] std::optional<std::uint64_t> oldest(
      const std::function<bool(std::uint64_t sequence)>& is_wanted) const;
  /// The same, and it is taken.
  std::optional<std::uint64_t> take(const std::function<bool(std::uint64_t sequence)>& is_wanted);
  void give_back(std::uint64_t sequence);

  [[nodiscard]] bool has(std::uint64_t sequence) const { return segments_.contains(sequence); }
  [[nodiscard]] std::optional<Sealing> sealing_of(std::uint64_t sequence) const;
  [[nodiscard]] std::uint64_t count() const { return segments_.size(); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t bytes_not_taken() const;
  /// Where the earliest window of the oldest begins, as far as that is known.
  [[nodiscard]] std::optional<base::UnixSeconds> since() const;

 private:
  struct Entry {
    std::uint64_t bytes = 0;
    bool is_taken = false;
    std::string sealing;  ///< "": not known
    std::optional<base::UnixSeconds> since;
  };
  std::map<std::uint64_t, Entry> segments_;
  std::uint64_t bytes_ = 0;
};

}  // namespace weir::deliver
