// Objects like those that AWS delivers: default-format records, packed as by gzip -6, one object
// every five minutes.
//
// usage: generate_logs FOLDER OBJECTS RECORDS_PER_OBJECT [DAYS]
//
// DAYS spreads the objects over so many days (1). The same arguments make the same files.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <atomic>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFirstDay = 1'767'225'600;  // 2026-01-01
constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kSlot = 300;

/// One record after the other, of 200 interfaces that each talk much with few peers and little with
/// many: the rank of a record's peer is log-uniform.
class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  /// One record that ends in the slot that starts at `slot`.
  void append(std::string& out, std::int64_t slot) {
    const unsigned interface = below(kInterfaces);
    const std::int64_t end = slot + below(kSlot);
    const std::int64_t start = end - below(60);
    auto at = std::back_inserter(out);
    fmt::format_to(at, "2 123456789012 eni-0{:016x} ", 0x5ab3'0000'0000ULL + interface);
    if (below(200) == 0) {
      fmt::format_to(at, "- - - - - - - {} {} - NODATA\n", start, end);
      return;
    }
    static constexpr std::array<unsigned, 10> kServices = {443, 443,  443,  80,   53,
                                                           22,  5432, 3306, 8080, 3389};
    const unsigned rank = peer_rank();
    const unsigned service = kServices.at(rank % kServices.size());
    const unsigned client = 32768 + below(28000);
    const unsigned packets = 1 + below(60);
    const std::string own = fmt::format("10.0.{}.{}", interface / 50, 10 + interface % 50);
    const std::string peer = address_of(interface, rank);
    const bool is_in = below(2) == 0;
    fmt::format_to(at, "{} {} {} {} {} {} {} {} {} {} OK\n", is_in ? peer : own, is_in ? own : peer,
                   is_in ? client : service, is_in ? service : client, service == 53 ? 17 : 6,
                   packets, packets * (40 + below(1400)), start, end,
                   below(12) == 0 ? "REJECT" : "ACCEPT");
  }

 private:
  static constexpr unsigned kInterfaces = 200;
  static constexpr double kPeers = 1000;

  unsigned below(unsigned end) { return static_cast<unsigned>(random_() % end); }

  unsigned peer_rank() {
    const double share = std::ldexp(static_cast<double>(random_() >> 11U), -53);
    return static_cast<unsigned>(std::pow(kPeers, share));
  }

  /// Every other peer is inside. The same interface and rank are always the same peer.
  static std::string address_of(unsigned interface, unsigned rank) {
    std::minstd_rand mix(interface * 4096 + rank);
    mix.discard(3);
    const auto some = [&mix](unsigned least, unsigned end) {
      return least + static_cast<unsigned>(mix()) / 64 % (end - least);
    };
    if (rank % 2 == 0) return fmt::format("10.0.{}.{}", some(0, 16), some(4, 254));
    return fmt::format("{}.{}.{}.{}", some(11, 191), some(0, 256), some(0, 256), some(0, 256));
  }

  std::mt19937_64 random_;
};

bool write(const fs::path& path, const std::string& text) {
  gzFile file = gzopen(path.c_str(), "wb6");
  if (file == nullptr) return false;
  const auto size = static_cast<unsigned>(text.size());
  const bool is_written = gzwrite(file, text.data(), size) == static_cast<int>(size);
  return gzclose(file) == Z_OK && is_written;
}

struct Set {
  fs::path folder;
  unsigned objects = 0;
  unsigned records = 0;
  unsigned days = 1;

  [[nodiscard]] bool make(unsigned number) const {
    const unsigned per_day = (objects + days - 1) / days;
    const std::int64_t slot = kFirstDay + number / per_day * kDay + number % per_day * kSlot;
    Generator generator(number);
    std::string text =
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "
        "start end action log-status\n";
    for (unsigned i = 0; i < records; ++i) generator.append(text, slot);
    const auto time = fmt::gmtime(static_cast<std::time_t>(slot));
    const fs::path path = folder / fmt::format(
                                       "AWSLogs/123456789012/vpcflowlogs/us-east-1/{:%Y/%m/%d}/"
                                       "123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_"
                                       "{:%Y%m%dT%H%MZ}_{:08x}.log.gz",
                                       time, time, number);
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    return write(path, text);
  }

  /// False if one cannot be written.
  [[nodiscard]] bool make_all() const {
    std::atomic<unsigned> next = 0;
    std::atomic<bool> is_good = true;
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i) {
      threads.emplace_back([this, &next, &is_good] {
        for (unsigned number = next++; number < objects && is_good; number = next++) {
          if (!make(number)) is_good = false;
        }
      });
    }
    threads.clear();
    return is_good;
  }
};

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string_view> given(argv + 1, argv + argc);
  if (given.size() == 3 || given.size() == 4) {
    const auto objects = number(given[1]);
    const auto records = number(given[2]);
    const auto days = given.size() == 4 ? number(given[3]) : 1;
    if (objects && records && days) {
      return Set{given[0], *objects, *records, *days}.make_all() ? 0 : 1;
    }
  }
  fmt::print(stderr, "usage: generate_logs FOLDER OBJECTS RECORDS_PER_OBJECT [DAYS]\n");
  return 2;
} catch (const std::exception& error) {
  fmt::print(stderr, "generate_logs: {}\n", error.what());
  return 1;
}
