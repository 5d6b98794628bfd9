// Objects like those that AWS delivers: default-format records, packed by gzip -6, one object every
// five minutes.
//
// usage: generate_logs FOLDER OBJECTS RECORDS_PER_OBJECT [DAYS]
//
// DAYS spreads the objects over so many days (1).
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFirstDay = 1'767'225'600;  // 2026-01-01
constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kSlot = 300;

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  /// One record that ends in the slot that starts at `slot`.
  void append(std::string& out, std::int64_t slot) {
    const unsigned interface = below(200);
    const std::int64_t end = slot + below(kSlot);
    const std::int64_t start = end - below(60);
    auto at = std::back_inserter(out);
    fmt::format_to(at, "2 123456789012 eni-0{:016x} ", 0x5ab3'0000'0000ULL + interface);
    if (below(200) == 0) {
      fmt::format_to(at, "- - - - - - - {} {} - NODATA\n", start, end);
      return;
    }
    const unsigned packets = 1 + below(60);
    const std::string inside = fmt::format("10.0.{}.{}", interface / 50, 10 + interface % 50);
    const std::string outside = below(2) == 0 ? fmt::format("10.0.{}.{}", below(16), 4 + below(250))
                                              : fmt::format("{}.{}.{}.{}", 11 + below(180),
                                                            below(256), below(64), below(64));
    const bool is_in = below(2) == 0;
    const unsigned client = 32768 + below(28000);
    static constexpr unsigned kPorts[] = {443, 443, 443, 80, 53, 22, 5432, 3306, 8080, 3389};
    const unsigned service = kPorts[below(10)];
    fmt::format_to(at, "{} {} {} {} {} {} {} {} {} {} OK\n", is_in ? outside : inside,
                   is_in ? inside : outside, is_in ? client : service, is_in ? service : client,
                   service == 53 ? 17 : 6, packets, packets * (40 + below(1400)), start, end,
                   below(12) == 0 ? "REJECT" : "ACCEPT");
  }

 private:
  unsigned below(unsigned end) { return static_cast<unsigned>(random_() % end); }
  std::mt19937_64 random_;
};

bool write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::FILE* gzip = popen(fmt::format("gzip -6n > '{}'", path.string()).c_str(), "w");
  if (gzip == nullptr) return false;
  const bool is_written = std::fwrite(text.data(), 1, text.size(), gzip) == text.size();
  return pclose(gzip) == 0 && is_written;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    fmt::print(stderr, "usage: generate_logs FOLDER OBJECTS RECORDS_PER_OBJECT [DAYS]\n");
    return 2;
  }
  const fs::path folder = argv[1];
  const int objects = std::atoi(argv[2]);
  const int records = std::atoi(argv[3]);
  const int days = argc == 5 ? std::atoi(argv[4]) : 1;
  for (int i = 0; i < objects; ++i) {
    const int per_day = (objects + days - 1) / days;
    const std::int64_t slot = kFirstDay + i / per_day * kDay + i % per_day * kSlot;
    Generator generator(static_cast<unsigned>(i));
    std::string text =
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "
        "start end action log-status\n";
    for (int j = 0; j < records; ++j) generator.append(text, slot);
    const auto time = fmt::gmtime(static_cast<std::time_t>(slot));
    const fs::path path = folder / fmt::format(
                                       "AWSLogs/123456789012/vpcflowlogs/us-east-1/{:%Y/%m/%d}/"
                                       "123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_"
                                       "{:%Y%m%dT%H%MZ}_{:08x}.log.gz",
                                       time, time, i);
    if (!write(path, text)) {
      fmt::print(stderr, "{} cannot be written\n", path.string());
      return 1;
    }
  }
  return 0;
}
