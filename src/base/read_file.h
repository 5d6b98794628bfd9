// A file as a whole.
#pragma once

#include <filesystem>
#include <string>
#include <tl/expected.hpp>

namespace weir::base {

/// All bytes of a file that is known to be small, or has to be in memory anyway. Error: an errno.
/// (Streams throw where a read fails after the file was opened.)
tl::expected<std::string, int> read_file(const std::filesystem::path& path);

}  // namespace weir::base
