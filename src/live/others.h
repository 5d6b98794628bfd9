// Whose else programs and filters hang at a device, and whether they see its packets before Weir's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "live/hook.h"

namespace weir::live {

struct OtherProgram {
  enum class Stage : std::uint8_t {
    xdp,       ///< before all tc programs, of what the device receives
    received,  ///< tc
    sent,
  };
  Stage stage{};
  std::string name;      ///< of a filter that is no program its kind, "flower"
  std::uint32_t id = 0;  ///< the kernel's number; 0: it is no program
  /// Before the one of Weir that hangs there; where none does, before the one that will.
  bool comes_before = false;

  friend bool operator==(const OtherProgram&, const OtherProgram&) = default;
};

/// In the order in which a packet meets them. What hangs at clsact where the kernel has tcx comes
/// after Weir's in any case; where it has not and nothing of Weir hangs there, it is taken to come
/// after. Without CAP_SYS_ADMIN there are numbers of programs, and no names. Errors: the device,
/// its namespace, or who asks may not look (without CAP_NET_ADMIN).
base::Expected<std::vector<OtherProgram>> others_at(const Device& device);

}  // namespace weir::live
