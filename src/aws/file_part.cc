#include "aws/file_part.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace weir::aws {

std::optional<std::size_t> FilePart::read(std::uint64_t at, std::span<std::uint8_t> out) const {
  if (at > bytes) return std::nullopt;
  out = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), bytes - at)));
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = ::pread(descriptor, out.data() + done, out.size() - done,
                                  static_cast<off_t>(first + at + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

std::optional<base::Sha256> FilePart::sha256() const {
  constexpr std::size_t kBlock = std::size_t{256} << 10U;
  base::Digest digest;
  std::vector<std::uint8_t> block(kBlock);
  for (std::uint64_t at = 0; at < bytes; at += kBlock) {
    const auto count = read(at, block);
    if (!count) return std::nullopt;
    digest.add(std::span(block).first(*count));
  }
  return digest.take();
}

}  // namespace weir::aws
