// What one run of a spool leaves to the next, beside segments: which numbers have been given, and
// which windows were lost.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/time.h"
#include "deliver/coverage.h"
#include "deliver/disk.h"

namespace weir::deliver {

/// One file, replaced as a whole where `base::Expected<void>` is returned. Error: it could not be;
/// what has changed is known in memory, and is written with the next change.
class SpoolState {
 public:
  /// Of a spool that never had one. `disk` outlives it.
  SpoolState(Disk& disk, std::filesystem::path file) : disk_(disk), file_(std::move(file)) {}

  /// As it was written last. False: it is damaged. Error: it cannot be read now.
  base::Expected<bool> read();
  /// A segment of this number is there, whatever was read.
  void has_met(std::uint64_t sequence);
  /// Once for each opening of the spool, after those two.
  base::Expected<void> begin_opening();
  /// Where the last writing has failed.
  base::Expected<void> write_if_needed();

  /// Higher at each opening.
  [[nodiscard]] std::uint64_t opening() const { return opening_; }
  /// Above all others, of earlier openings too, whatever has been freed meanwhile.
  std::uint64_t next_sequence();
  /// The first of a million numbers that no run gives again. REQUIRES: the opening is written
  /// before what has them is sealed.
  std::uint64_t million_numbers();

  /// Windows that SKIPDATA does not stand for yet.
  [[nodiscard]] const Coverage& lost() const { return lost_; }
  /// Where the earliest of these begins while they are known in memory only.
  [[nodiscard]] std::optional<base::UnixSeconds> lost_in_memory() const;
  /// The windows of that segment, if they are one's: it is `removed` from now on.
  base::Expected<void> lose(const Coverage& windows, std::optional<std::uint64_t> sequence);
  base::Expected<void> forget_lost(const Coverage& windows);

  /// Segments of which `lost` tells: should their files come back, they are not delivered.
  [[nodiscard]] const std::set<std::uint64_t>& removed() const { return removed_; }
  /// Its file is gone for good.
  void forget_removed(std::uint64_t sequence) { removed_.erase(sequence); }

 private:
  base::Expected<void> write();

  Disk& disk_;
  std::filesystem::path file_;
  bool is_written_ = false;
  std::uint64_t opening_ = 0;
  std::uint64_t sequences_ = 0;  ///< given in this opening
  std::uint64_t millions_ = 0;   ///< likewise
  Coverage lost_;
  std::set<std::uint64_t> removed_;
};

}  // namespace weir::deliver
