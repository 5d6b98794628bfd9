// The segments of one flow log that wait to be delivered, on disk.
//
// A segment is one file, sealed by a rename, freed by being removed: what waits is what lies in the
// folder, and there is no index or cursor beside it that could tell otherwise.
//
//   {folder}/lock                    held by who has opened the spool
//   {folder}/writing/                what is not sealed; emptied when the spool is opened
//   {folder}/000000000042.segment    payload, then a line of JSON that describes it, then a line of
//                                    fixed length with that line's length and CRC-32C
//   {folder}/damaged/                segments that are not what their last lines say
//   {folder}/lost                    whose windows had to be given up, until SKIPDATA stands for
//                                    them
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "deliver/coverage.h"
#include "deliver/destination.h"

namespace weir::deliver {

/// What is said of a segment when it is sealed.
struct Sealing {
  std::string key;  ///< follows from the payload, so that the same payload comes under it again
  std::uint64_t records = 0;
  Coverage coverage;  ///< what its loss would have to be told of
};

/// Totals since the spool was opened, but for what waits.
struct SpoolStatus {
  std::uint64_t waiting = 0;        ///< segments
  std::uint64_t waiting_bytes = 0;  ///< with their descriptions
  std::uint64_t sealed = 0;
  std::uint64_t delivered = 0;
  std::uint64_t given_up = 0;          ///< segments: for want of space
  std::uint64_t given_up_records = 0;  ///< in them
  std::uint64_t damaged = 0;           ///< segments set aside
  std::uint64_t unsealed = 0;          ///< files found that a crash had kept from being sealed
};

/// For several threads at once.
class Spool {
 public:
  struct Limits {
    std::uint64_t bytes = std::uint64_t{10} << 30U;  ///< what may wait
  };
  /// Takes what a person who runs the service should know, a line each; from any thread.
  using Log = std::function<void(const std::string& line)>;

  /// Makes the folder, or finds what waits there: reads the last lines of each segment and no more.
  /// Errors: another process has it open; it cannot be read or written.
  static base::Expected<Spool> open(const std::filesystem::path& folder, Limits limits, Log log);
  Spool(Spool&&) noexcept;
  Spool& operator=(Spool&&) noexcept;
  ~Spool();

  /// Where what is to be sealed is written, under any name; the folder is there.
  [[nodiscard]] std::filesystem::path writing_folder() const;

  /// Seals a finished file of `writing_folder`: when this returns, the segment is on disk for good
  /// and will be delivered. If there is no room, the oldest segments give way: their coverage
  /// becomes `lost`. Error: it could not be written even so; then the file is gone, and so its own
  /// coverage is `lost`.
  base::Expected<void> seal(const std::filesystem::path& file, const Sealing& sealing);

  /// The oldest segment that is neither taken nor skipped by `is_wanted`; none: nothing waits. Its
  /// payload has been read and is what was sealed; damaged ones are set aside, and `lost`.
  std::optional<Segment> take(const std::function<bool(std::uint64_t sequence)>& is_wanted);
  /// Gives a taken segment back: it waits again.
  void give_back(const Segment& segment);
  /// The destination surely holds a taken segment: it is freed.
  void free(const Segment& segment);

  /// Windows whose records were not delivered and never will be; kept over a restart.
  [[nodiscard]] Coverage lost() const;
  /// Adds what could not be written so far that it could be sealed.
  void add_lost(const Coverage& coverage);
  /// SKIPDATA for all of `coverage` has been sealed.
  void tell_lost(const Coverage& coverage);

  [[nodiscard]] SpoolStatus status() const;

 private:
  struct State;
  explicit Spool(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::deliver
