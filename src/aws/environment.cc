#include "aws/environment.h"

#include <cstdlib>

namespace weir::aws {

Environment Environment::of_process() {
  return {[](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  }};
}

}  // namespace weir::aws
