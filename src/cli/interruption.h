// Ctrl-C, and who else asks the program to end: it ends what it is at, cleans up and says so.
#pragma once

namespace weir::cli {

/// From now on the first SIGINT, SIGTERM or SIGHUP only sets what the next two tell; the second
/// ends the program as ever. Whoever reads the output may leave without ending the program. Calling
/// it again changes nothing.
void watch_interruption();

/// A descriptor that can be read from once the signal came, for poll; nobody reads it.
/// REQUIRES: watch_interruption().
[[nodiscard]] int interruption_descriptor();

[[nodiscard]] bool was_interrupted();

/// Has who read standard output left, as `head` does?
[[nodiscard]] bool output_is_gone();

}  // namespace weir::cli
