#include "base/file_error.h"

#include <cerrno>
#include <system_error>

namespace weir::base {

Error file_error(const std::filesystem::path& path, const std::string& doing, int error_number) {
  std::string hint;
  if (error_number == ENOSPC || error_number == EDQUOT) hint = "free some space";
  if (error_number == EACCES || error_number == EPERM) hint = "check its permissions";
  if (error_number == EIO) hint = "check the disk";
  return {path.string(),
          "cannot be " + doing + ": " + std::generic_category().message(error_number), hint};
}

}  // namespace weir::base
