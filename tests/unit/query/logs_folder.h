// A folder of logs that is gone with the test, and rows to compare.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "query/engine.h"

namespace weir::query {

class LogsFolder : public ::testing::Test {
 protected:
  LogsFolder()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                ("logs-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~LogsFolder() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    return (folder_ / name).string();
  }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }
  [[nodiscard]] std::unique_ptr<Engine> engine(unsigned threads = 2) const {
    Settings settings;
    settings.objects = logs::list_objects({folder_.string()}).value();
    settings.threads = threads;
    return Engine::open(std::move(settings)).value();
  }

  std::filesystem::path folder_;
};

/// Keeps all rows.
class Kept : public ResultSink {
 public:
  void columns(const std::vector<ResultColumn>& columns) override { names = columns; }
  void row(Row row) override { rows.push_back(std::move(row)); }

  std::vector<ResultColumn> names;
  std::vector<Row> rows;
};

}  // namespace weir::query
