// What a person reads of a file operation that failed.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

namespace weir::base {

/// "cannot be {doing}: No space left on device", `doing` such as "made", with what to do about it
/// where the number (errno's) tells that.
Error file_error(const std::filesystem::path& path, const std::string& doing, int error_number);

}  // namespace weir::base
