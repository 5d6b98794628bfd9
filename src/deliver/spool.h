// The segments of one flow log that wait to be delivered, on disk.
//
// A segment is one file (segment_file.h), sealed by a rename and freed by being removed: what waits
// is what lies in the folder, and no index or cursor beside it could tell otherwise.
//
//   {folder}/lock        held by who has opened the spool
//   {folder}/writing/    what is not sealed yet; emptied when the spool is opened
//   {folder}/{sequence}.segment
//   {folder}/damaged/    files that are not what their last lines say
//   {folder}/state       how often the spool was opened; windows that were lost and that SKIPDATA
//                        does not stand for yet
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "deliver/coverage.h"
#include "deliver/destination.h"
#include "deliver/disk.h"
#include "deliver/segment_file.h"

namespace weir::deliver {

/// What waits, and totals since the spool was opened.
struct SpoolStatus {
  std::uint64_t waiting = 0;        ///< segments, those under way too
  std::uint64_t waiting_bytes = 0;  ///< their files'
  /// Of the segment that has waited longest, when its earliest window begins.
  std::optional<base::UnixSeconds> waiting_since;
  std::uint64_t sealed = 0;
  std::uint64_t delivered = 0;
  std::uint64_t given_up = 0;      ///< segments and unsealed files: no room, or not writable
  std::uint64_t lost_records = 0;  ///< in those, and in segments that are damaged or gone
  std::uint64_t damaged = 0;       ///< files set aside
  std::uint64_t gone = 0;          ///< segments whose file somebody has removed
  std::uint64_t unsealed = 0;      ///< files found that a crash had kept from being sealed
};

struct SpoolLimits {
  /// What may wait; what is being written comes on top.
  std::uint64_t bytes = std::uint64_t{10} << 30U;
  /// What the file system is to have left for others. Where all that waits is not that much, others
  /// have filled it, and nothing gives way for it.
  std::uint64_t leave_free = std::uint64_t{64} << 20U;
};

/// Why a spool gives nothing.
struct NotTaken {
  /// A segment that cannot be read now and is taken all the same: who asked gives it back when it
  /// may be tried again. Nothing: none waits.
  std::optional<std::uint64_t> unread;
  base::Error error;
};

/// For several threads at once.
class Spool {
 public:
  /// Makes the folder, or finds what waits there: of each segment the last lines are read, no more,
  /// and what they say of its windows stays in memory while it waits.
  /// A disk without room is no error where the folder is there: nothing is sealed until there is.
  /// Errors: another process has it open; it cannot be read or written.
  static base::Expected<Spool> open(const std::filesystem::path& folder, SpoolLimits limits,
                                    base::Log log,
                                    std::unique_ptr<Disk> disk = std::make_unique<Disk>());
  Spool(Spool&&) noexcept;
  Spool& operator=(Spool&&) noexcept;
  ~Spool();

  /// Where what is to be sealed is written, under any name; the folder is there.
  [[nodiscard]] std::filesystem::path writing_folder() const;
  /// Higher at each opening.
  [[nodiscard]] std::uint64_t opening() const;
  /// The first of a million numbers that nobody else is given, in no run: they tell the contents of
  /// one object from the same contents of another.
  std::uint64_t million_numbers();

  /// Seals a finished file of `writing_folder`: when this returns, the segment is on disk for good.
  /// Then the oldest segments give way until the limits are kept, the new one last: their windows
  /// are `lost`. Error: it could not be written; the file is gone, and its windows are `lost`.
  base::Expected<void> seal(const std::filesystem::path& file, const Sealing& sealing);
  /// Before something is written: the oldest segments give way until the file system has so many
  /// bytes left, if they are enough for that.
  void make_room(std::uint64_t bytes);
  /// Called after each seal by the thread that sealed; nothing: nobody wants to know.
  void on_sealed(std::function<void()> call);
  /// What could not even be written so far that it could be sealed.
  void lose(const Sealing& sealing, const base::Error& why);

  /// The oldest segment that nobody has taken and that `is_wanted`. Its payload has been read and
  /// is what was sealed; damaged ones are set aside, those that are gone are forgotten: the windows
  /// of both are `lost`.
  tl::expected<Segment, NotTaken> take(
      const std::function<bool(std::uint64_t sequence)>& is_wanted);
  /// Whether that segment waits, or is taken.
  [[nodiscard]] bool has(std::uint64_t sequence) const;
  /// A taken segment waits again.
  void give_back(std::uint64_t sequence);
  /// The destination surely holds a taken segment: it is freed.
  void free(std::uint64_t sequence);

  /// Windows of which records were lost; kept over a restart.
  [[nodiscard]] Coverage lost() const;
  /// Where the earliest of these begins while they could not be written down: another run will not
  /// know of them. Nothing: it will.
  [[nodiscard]] std::optional<base::UnixSeconds> lost_in_memory() const;
  /// SKIPDATA for all of `coverage` has been sealed.
  void forget_lost(const Coverage& coverage);

  [[nodiscard]] SpoolStatus status() const;

 private:
  struct State;
  explicit Spool(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::deliver
