// The process's surroundings, as a value, so that tests can have others.
#pragma once

#include <functional>
#include <string>

namespace weir::aws {

struct Environment {
  /// The variable's value; "" if it is unset: an empty one says nothing.
  std::function<std::string(const char* name)> variable;

  static Environment of_process();
};

}  // namespace weir::aws
