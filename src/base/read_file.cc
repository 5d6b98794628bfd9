#include "base/read_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/descriptor.h"

namespace weir::base {

tl::expected<std::string, int> read_file(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return tl::unexpected(errno);
  std::string out;
  std::array<char, 16384> block{};
  for (;;) {
    const ssize_t count = ::read(file.get(), block.data(), block.size());
    if (count == 0) return out;
    if (count > 0) {
      out.append(block.data(), static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      return tl::unexpected(errno);
    }
  }
}

}  // namespace weir::base
