#include "record/parquet.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "record/text.h"
#include "samples.h"
#include "sql.h"

namespace weir::record {
namespace {

namespace fs = std::filesystem;

class Parquet : public testing::Test {
 public:
  Parquet(const Parquet&) = delete;
  Parquet& operator=(const Parquet&) = delete;

 protected:
  Parquet()
      : path_(fs::path(testing::TempDir()) /
              (test_name() + std::to_string(getpid()) + ".parquet")) {}
  ~Parquet() override { fs::remove(path_); }

  static std::string test_name() {
    return testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  void write(const std::vector<Record>& records, const LogFormat& format) const {
    auto writer = ParquetWriter::make(format).value();
    for (const Record& record : records) ASSERT_TRUE(writer.add(record));
    EXPECT_EQ(writer.records(), records.size());
    const auto written = writer.write(path_.string());
    ASSERT_TRUE(written) << written.error().message();
  }
  [[nodiscard]] std::string file() const { return "'" + path_.string() + "'"; }
  [[nodiscard]] std::string bytes() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fs::path path_;
};

std::vector<Record> some_records() {
  Record ipv6 = tcp("2001:db8::1", 1, "2001:db8::2", 65535, 1ULL << 40U, 1ULL << 60U, 1, 2);
  Record unknown_flags = tcp("10.0.0.1", 1, "10.0.0.2", 2, 1, 40, 5, 6);
  unknown_flags.flow.tcp_flags = Flow::kTcpFlagsUnknown;
  return {full_reject(), ipv6, unknown_flags, without_flow(LogStatus::nodata, 0, 59),
          without_flow(LogStatus::skipdata, 60, 119)};
}

LogFormat all_fields() {
  std::string text;
  for (const Field& field : catalogue()) text += "${" + std::string(field.name) + "} ";
  return LogFormat::parse(text).value();
}

/// Its values, as `sql` gives them: `-` of a number is NULL.
std::vector<std::string> text_values(const Record& record, const LogFormat& format) {
  std::string line;
  append_line(line, record, format);
  std::istringstream in(line);
  std::vector<std::string> values{std::istream_iterator<std::string>(in), {}};
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == "-" && format.fields()[i]->type != ParquetType::string) values[i] = "NULL";
  }
  return values;
}

TEST_F(Parquet, SaysWhatTheTextSaysInEveryFieldWithNullForNoNumber) {
  write(some_records(), all_fields());
  Rows expected;
  for (const Record& record : some_records()) {
    expected.push_back(text_values(record, all_fields()));
  }
  EXPECT_EQ(sql("SELECT * FROM " + file()), expected);
  EXPECT_EQ(sql("SELECT count(*) FROM " + file() +
                " WHERE srcport IS NULL AND bytes IS NULL AND srcaddr = '-' AND action = '-'"),
            (Rows{{"2"}}));
}

TEST_F(Parquet, ColumnsHaveAwssTypesAndUnderscoresForDashes) {
  write(some_records(), all_fields());
  // AWS: INT_32, INT_64, and STRING for all the rest (facts/flow-logs.md §1.2).
  std::map<std::string, std::string> numbers;
  for (const char* name : {"version", "srcport", "dstport", "protocol", "tcp_flags", "traffic_path",
                           "encryption_status"}) {
    numbers[name] = "INT32";
  }
  for (const char* name : {"packets", "bytes", "start", "end"}) numbers[name] = "INT64";
  Rows expected;
  for (const Field& field : catalogue()) {
    std::string name(field.name);
    std::replace(name.begin(), name.end(), '-', '_');
    const auto number = numbers.find(name);
    if (number == numbers.end()) expected.push_back({name, "BYTE_ARRAY", "UTF8"});
    if (number != numbers.end()) {
      expected.push_back({name, number->second, number->second == "INT32" ? "INT_32" : "INT_64"});
    }
  }
  EXPECT_EQ(sql("SELECT name, type, converted_type FROM parquet_schema(" + file() +
                ") WHERE type IS NOT NULL"),
            expected);
}

TEST_F(Parquet, EveryColumnIsPackedWithGzip) {
  write(some_records(), LogFormat());
  EXPECT_EQ(sql("SELECT DISTINCT compression FROM parquet_metadata(" + file() + ")"),
            (Rows{{"GZIP"}}));
}

TEST_F(Parquet, TheSameRecordsAreTheSameBytes) {
  std::vector<Record> records;
  for (std::uint16_t i = 0; i < 30'000; ++i) {
    records.push_back(tcp("10.0.0.1", i, "10.0.0.2", 443, i, std::uint64_t{40} * i, i, i + 1));
  }
  write(records, LogFormat());
  const std::string first = bytes();
  write(records, LogFormat());
  EXPECT_TRUE(bytes() == first);  // EXPECT_EQ would print them
}

TEST_F(Parquet, RecordsKeepTheirOrderAcrossRowGroups) {
  constexpr std::int64_t kRecords = 130'000;
  auto writer = ParquetWriter::make(LogFormat::parse("${start} ${srcaddr}").value()).value();
  Record record = full_reject();
  for (std::int64_t i = 0; i < kRecords; ++i) {
    record.start = at(i * 7919 % kRecords);
    ASSERT_TRUE(writer.add(record));
  }
  ASSERT_TRUE(writer.write(path_.string()));
  EXPECT_EQ(sql("SELECT count(*), count(*) FILTER (start = file_row_number * 7919 % 130000) FROM "
                "read_parquet(" +
                file() + ", file_row_number = true)"),
            (Rows{{"130000", "130000"}}));
  EXPECT_EQ(sql("SELECT num_row_groups FROM parquet_file_metadata(" + file() + ")"), (Rows{{"2"}}));
}

TEST_F(Parquet, AWriterBeginsAnewAfterEachFile) {
  auto writer = ParquetWriter::make(LogFormat()).value();
  ASSERT_TRUE(writer.add(full_reject()));
  ASSERT_TRUE(writer.write(path_.string()));
  EXPECT_EQ(writer.records(), 0U);
  ASSERT_TRUE(writer.add(without_flow(LogStatus::nodata, 60, 119)));
  ASSERT_TRUE(writer.write(path_.string()));
  EXPECT_EQ(sql("SELECT log_status, start FROM " + file()), (Rows{{"NODATA", "60"}}));
}

TEST_F(Parquet, AFileThatIsThereIsWrittenInPlace) {
  // Whoever holds it open syncs what was written, and nothing lies beside it.
  std::ofstream(path_) << "something longer than nothing";
  struct stat before {};
  ASSERT_EQ(::stat(path_.c_str(), &before), 0);
  write(some_records(), LogFormat());
  struct stat after {};
  ASSERT_EQ(::stat(path_.c_str(), &after), 0);
  EXPECT_EQ(after.st_ino, before.st_ino);
}

TEST_F(Parquet, APathWithAQuoteIsAPath) {
  path_ = fs::path(testing::TempDir()) / ("it's" + std::to_string(getpid()) + ".parquet");
  write(some_records(), LogFormat());
  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(Parquet, AFileThatCannotBeWrittenIsAnErrorWithItsReason) {
  auto writer = ParquetWriter::make(LogFormat()).value();
  ASSERT_TRUE(writer.add(full_reject()));
  const auto written = writer.write((path_ / "no-folder" / "file").string());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().where, "Parquet");
  EXPECT_NE(written.error().what.find("No such file"), std::string::npos) << written.error().what;
}

}  // namespace
}  // namespace weir::record
