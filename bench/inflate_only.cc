// What no reader of packed text can beat: inflates each object of a folder, and does nothing else.
//
// usage: inflate_only FOLDER THREADS     prints the bytes of text
#include <fmt/format.h>
#include <isa-l/igzip_lib.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;

/// How many bytes the object is of when unpacked.
std::uint64_t inflate(const fs::path& path, std::vector<std::uint8_t>& room) {
  std::vector<char> packed(fs::file_size(path));
  std::ifstream(path, std::ios::binary)
      .read(packed.data(), static_cast<std::streamsize>(packed.size()));
  inflate_state state;
  isal_inflate_init(&state);
  state.crc_flag = ISAL_GZIP;
  state.next_in = reinterpret_cast<std::uint8_t*>(packed.data());
  state.avail_in = static_cast<std::uint32_t>(packed.size());
  std::uint64_t bytes = 0;
  do {
    state.next_out = room.data();
    state.avail_out = static_cast<std::uint32_t>(room.size());
    const bool is_good = isal_inflate(&state) == ISAL_DECOMP_OK;
    if (!is_good || state.avail_out == room.size()) throw std::runtime_error(path.string());
    bytes += room.size() - state.avail_out;
  } while (state.block_state != ISAL_BLOCK_FINISH);
  return bytes;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> given(argv + 1, argv + argc);
  if (given.size() != 2) {
    fmt::print(stderr, "usage: inflate_only FOLDER THREADS\n");
    return 2;
  }
  std::vector<fs::path> objects;
  for (const auto& entry : fs::recursive_directory_iterator(given[0])) {
    if (entry.path().extension() == ".gz") objects.push_back(entry.path());
  }
  std::atomic<std::size_t> next = 0;
  std::atomic<std::uint64_t> bytes = 0;
  const auto count = static_cast<std::size_t>(std::stoul(given[1]));
  {
    std::vector<std::jthread> threads;
    threads.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      threads.emplace_back([&] {
        std::vector<std::uint8_t> room(std::size_t{1} << 18U);
        for (std::size_t mine = next++; mine < objects.size(); mine = next++) {
          bytes += inflate(objects[mine], room);
        }
      });
    }
  }
  fmt::print("{}\n", bytes.load());
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "inflate_only: {}\n", error.what());
  return 1;
}
