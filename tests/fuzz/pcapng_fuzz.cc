#include <vector>

#include "capture_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Always behind a sound section header, or the fuzzer would spend its time on finding one.
  std::vector<std::uint8_t> bytes{0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0,    0,    0x4d, 0x3c,
                                  0x2b, 0x1a, 1,    0,    0,  0, 0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 28, 0, 0,    0};
  bytes.insert(bytes.end(), data, data + size);
  read_all(bytes);
  return 0;
}
