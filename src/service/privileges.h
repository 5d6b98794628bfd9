// From root to as little as recording takes.
#pragma once

#include <string>

#include "base/error.h"

namespace weir::service {

/// Becomes `user`, for good: keeps CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, which programs in the
/// kernel take, and CAP_SYS_ADMIN, which entering network namespaces takes; nothing that runs from
/// here on gets more. REQUIRES: one thread. Errors: no such user; not root.
base::Expected<void> become(const std::string& user);

/// Gives CAP_SYS_ADMIN up, too. REQUIRES: one thread, that became another user.
base::Expected<void> stay_in_namespace();

/// Can this process do what `capability`, one of <linux/capability.h>, is for?
bool has_capability(int capability);

}  // namespace weir::service
