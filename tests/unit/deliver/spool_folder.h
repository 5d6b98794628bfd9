// A spool's folder, and segments to put there.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "deliver/spool.h"

namespace weir::deliver {

namespace fs = std::filesystem;

inline base::UnixSeconds minute(int number) {
  return base::UnixSeconds(std::chrono::minutes(number));
}

/// One minute of one interface.
inline Coverage covered(int number) {
  Coverage out;
  out.add("eni-a", minute(number), minute(number + 1));
  return out;
}

/// Unlike for different keys, and not all text.
inline std::string payload_of(const std::string& key, std::size_t size = 100) {
  std::string out = key + '\0' + "\xff";
  while (out.size() < size) out += key;
  out.resize(size);
  return out;
}

inline base::Sha256 sha256_of(std::string_view bytes) {
  base::Digest digest;
  digest.add(bytes);
  return digest.take();
}

inline std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

class SpoolFolder : public testing::Test {
 public:
  SpoolFolder(const SpoolFolder&) = delete;
  SpoolFolder& operator=(const SpoolFolder&) = delete;

 protected:
  // In memory: these tests are about what is written in which order, and sync thousands of times.
  SpoolFolder()
      : root_(fs::path(fs::exists("/dev/shm") ? "/dev/shm" : testing::TempDir()) /
              (std::string("weir-") +
               testing::UnitTest::GetInstance()->current_test_info()->name() + "-" +
               std::to_string(::getpid()))) {
    fs::remove_all(root_);
  }
  ~SpoolFolder() override { fs::remove_all(root_); }

  /// Limits that no test reaches by chance.
  static SpoolLimits roomy() { return {std::uint64_t{1} << 30U, 0}; }

  [[nodiscard]] Spool open(SpoolLimits limits = roomy(),
                           std::unique_ptr<Disk> disk = std::make_unique<Disk>()) {
    return Spool::open(
               root_, limits,
               [this](const base::LogLine& line) {
                 said_.push_back(std::to_string(static_cast<int>(line.severity)) + " " + line.text);
               },
               std::move(disk))
        .value();
  }

  static base::Expected<void> seal(Spool& spool, const std::string& key, int number,
                                   std::size_t size = 100) {
    const fs::path file = spool.writing_folder() / key;
    write(file, payload_of(key, size));
    return spool.seal(file, {key, 3, covered(number), sha256_of(payload_of(key, size))});
  }

  /// The payloads of all that is offered, by key; they are taken then.
  static std::map<std::string, std::string> offered(Spool& spool) {
    std::map<std::string, std::string> out;
    while (const auto segment = spool.take([](std::uint64_t) { return true; })) {
      out[segment->key] = bytes_of(segment->file).substr(0, segment->bytes);
    }
    return out;
  }

  [[nodiscard]] std::vector<fs::path> segments() const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(root_)) {
      if (entry.path().extension() == ".segment") out.push_back(entry.path());
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  fs::path root_;
  std::vector<std::string> said_;  ///< lines, each with its priority before it
};

}  // namespace weir::deliver
