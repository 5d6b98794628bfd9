// Any text as a log format: it is refused, or what it prints reads back as the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "record/log_format.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weir::record::LogFormat;
  const auto format = LogFormat::parse({reinterpret_cast<const char*>(data), size});
  if (!format) return 0;
  const auto again = LogFormat::parse(format->to_string());
  if (!again || again->fields() != format->fields()) std::abort();
  return 0;
}
