// A folder to deliver into, and what lies there.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "deliver/publisher.h"
#include "unit/record/samples.h"
#include "unit/record/sql.h"

namespace weir::deliver {

namespace fs = std::filesystem;

class DestinationFolder : public testing::Test {
 public:
  DestinationFolder(const DestinationFolder&) = delete;
  DestinationFolder& operator=(const DestinationFolder&) = delete;

 protected:
  DestinationFolder()
      : root_(fs::path(testing::TempDir()) /
              (testing::UnitTest::GetInstance()->current_test_info()->name() +
               std::to_string(getpid()))) {
    fs::remove_all(root_);
    flow_log_.id = "fl-1234abcd";
    flow_log_.account_id = "123456789012";
    flow_log_.region = "us-east-1";
    flow_log_.log_format = record::LogFormat::parse("${srcport} ${srcaddr} ${end}").value();
  }
  ~DestinationFolder() override { fs::remove_all(root_); }

  [[nodiscard]] Publisher open(ObjectLimits limits = {}) const {
    return Publisher::open(root_.string(), flow_log_, limits).value();
  }

  /// Every file, temporary ones too, by name.
  [[nodiscard]] std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      if (entry.is_regular_file()) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  fs::path root_;
  FlowLog flow_log_;
};

/// A record that ends then; its source port is `number`.
inline record::Record record_at(std::int64_t end, std::uint16_t number = 1) {
  return record::tcp("10.0.0.1", number, "10.0.0.2", 443, 1, 40, end, end);
}

inline constexpr std::int64_t kSlotOfTests = 1529511600;  // 2018-06-20T16:20:00Z

}  // namespace weir::deliver
