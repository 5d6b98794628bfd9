// Ctrl-C, and who else asks the program to end: it ends what it is at, cleans up and says so.
#pragma once

namespace weir::cli {

/// From now on the first SIGINT or SIGTERM only sets what the other two tell; the second ends the
/// program as ever. Calling it again changes nothing.
void watch_interruption();

/// A descriptor that can be read from once the signal came, for poll; nobody reads it.
/// REQUIRES: watch_interruption().
[[nodiscard]] int interruption_descriptor();

[[nodiscard]] bool was_interrupted();

}  // namespace weir::cli
