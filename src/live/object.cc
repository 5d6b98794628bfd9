#include "live/object.h"

// NOLINTNEXTLINE
__asm__(
    ".section .rodata\n"
    ".balign 16\n"
    "weir_live_object_begin:\n"
    ".incbin \"" WEIR_LIVE_OBJECT
    "\"\n"
    "weir_live_object_end:\n"
    ".previous\n");

extern "C" {
extern const std::byte weir_live_object_begin;
extern const std::byte weir_live_object_end;
}

namespace weir::live {

std::span<const std::byte> program_object() {
  return {&weir_live_object_begin, &weir_live_object_end};
}

}  // namespace weir::live
