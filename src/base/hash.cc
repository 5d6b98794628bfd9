#include "base/hash.h"

#include <sys/random.h>

namespace weir::base {

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  // Fails only before the kernel has any entropy; then the address of a local variable has to do.
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed) {
    seed = reinterpret_cast<std::uintptr_t>(&seed);
  }
  return seed | 1U;
}

}  // namespace weir::base
