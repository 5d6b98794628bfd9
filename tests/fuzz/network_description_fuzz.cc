// Any text as a description: it is refused, or it compiles and can be shown.
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "policy/policy.h"
#include "vpc/read.h"
#include "vpc/show.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto reading =
      weir::vpc::read_description({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!reading.errors.empty()) return 0;
  std::ostringstream out;
  weir::base::print(out, weir::vpc::network_table(reading.network), weir::base::OutputForm::json);
  const auto policy = weir::policy::Policy::compile(reading.network);
  if (policy && policy->interfaces().size() != reading.network.interfaces.size()) std::abort();
  return 0;
}
