// Ctrl-C, and who else asks the program to end: it ends what it is at, cleans up and says so.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <thread>

#include "base/descriptor.h"

namespace weir::cli {

/// From now on the first SIGINT, SIGTERM or SIGHUP only sets what the next two tell; the second
/// ends the program as ever. Whoever reads the output may leave without ending the program. Calling
/// it again changes nothing.
void watch_interruption();

/// A descriptor that can be read from once the signal came, for poll; nobody reads it.
/// REQUIRES: watch_interruption().
[[nodiscard]] int interruption_descriptor();

[[nodiscard]] bool was_interrupted();

/// What the signal was for is done: the next one is the first again. REQUIRES:
/// watch_interruption().
void watch_next_interruption();

/// Has who read standard output left, as `head` does?
[[nodiscard]] bool output_is_gone();

/// As long as it lives, calls that once the signal came, from a thread of its own. REQUIRES:
/// watch_interruption().
class OnInterruption {
 public:
  explicit OnInterruption(std::function<void()> call);
  ~OnInterruption();
  OnInterruption(const OnInterruption&) = delete;
  OnInterruption& operator=(const OnInterruption&) = delete;

 private:
  base::Descriptor end_;
  std::thread thread_;
};

/// Ends an input after the signal (base::MayRead): a file at once, a pipe when its writer closes
/// it. Ctrl-C goes to the writer too, and what it still holds then is part of the input; a writer
/// that goes on is cut off after a second. REQUIRES: watch_interruption().
class UntilInterrupted {
 public:
  /// Waits for the input or the signal.
  bool operator()(int descriptor);
  /// The input would have gone on.
  [[nodiscard]] bool has_cut_off() const { return has_cut_off_; }

 private:
  bool has_more(int descriptor);

  std::optional<std::chrono::steady_clock::time_point> end_;
  bool has_cut_off_ = false;
};

}  // namespace weir::cli
