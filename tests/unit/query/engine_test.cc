// Records written by record:: in any format are the rows that SQL sees.
#include "query/engine.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "logs_folder.h"
#include "query/duck.h"
#include "record/parquet.h"
#include "record/text.h"

namespace weir::query {
namespace {

using record::FlowDirection;
using record::LogFormat;
using record::LogStatus;
using record::Record;

/// Random records, and their columns' text with "-" for none.
class Random {
 public:
  explicit Random(std::uint32_t seed) : random_(seed) {}

  LogFormat format() {
    std::vector<std::string> names;
    for (const record::Field& field : record::catalogue()) {
      if (below(3) == 0) names.push_back("${" + std::string(field.name) + "}");
    }
    if (names.empty()) names.emplace_back("${bytes}");
    std::shuffle(names.begin(), names.end(), random_);
    std::string text;
    for (const std::string& name : names) text += name + " ";
    return LogFormat::parse(text).value();
  }

  Record record() {
    static const record::InterfaceMetadata kInterface = [] {
      record::InterfaceMetadata interface;
      interface.account_id = "123456789010";
      interface.interface_id = "eni-1";
      interface.region = "us-east-1";
      return interface;
    }();
    Record out;
    out.interface = &kInterface;
    out.start = base::UnixSeconds(std::chrono::seconds(below(2'000'000'000)));
    out.end = out.start + std::chrono::seconds(below(600));
    out.log_status = below(10) == 0 ? LogStatus::nodata : LogStatus::ok;
    out.flow.srcaddr = address();
    out.flow.dstaddr = address();
    out.flow.pkt_srcaddr = address();
    out.flow.pkt_dstaddr = address();
    out.flow.srcport = static_cast<std::uint16_t>(random_());
    out.flow.dstport = static_cast<std::uint16_t>(random_());
    out.flow.protocol = static_cast<std::uint8_t>(below(256));
    out.flow.direction = below(2) == 0 ? FlowDirection::ingress : FlowDirection::egress;
    out.flow.action = below(2) == 0 ? record::Action::accept : record::Action::reject;
    out.flow.traffic_path = static_cast<std::uint8_t>(below(9));
    out.flow.packets = below(1000);
    out.flow.bytes = std::uint64_t{random_()} * below(1U << 20U);
    out.flow.network_acl_rule = below(2) == 0 ? "" : "acl-0b000000000000002:ingress:100";
    return out;
  }

  std::uint32_t below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random_);
  }

 private:
  base::Address address() {
    std::string text = "10.0." + std::to_string(below(256)) + "." + std::to_string(below(256));
    if (below(2) == 0) text = "2001:db8::" + std::to_string(1 + below(9000));
    return base::Address::parse(text).value();
  }

  std::mt19937 random_;
};

std::string column(std::string_view field) {
  std::string name(field);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// The row that SQL must show: nothing for "-", and for fields that the format lacks.
ResultSink::Row expected_row(const Record& record, const LogFormat& format,
                             const std::set<std::string_view>& fields) {
  ResultSink::Row row;
  for (const std::string_view name : fields) {
    const record::Field* field = record::find_field(name);
    std::string text = "-";
    if (format.has(field->id)) {
      text.clear();
      record::append_value(text, record::value_of(*field, record, format));
    }
    row.push_back(text == "-" ? std::nullopt : std::optional(text));
  }
  return row;
}

class ReadBack : public LogsFolder, public ::testing::WithParamInterface<std::uint32_t> {};

TEST_P(ReadBack, EqualsWhatWasWrittenInAnyFormatsAsTextAndParquet) {
  Random random(GetParam());
  std::set<std::string_view> fields;
  std::vector<std::pair<LogFormat, std::vector<Record>>> written;
  for (int file = 0; file < 4; ++file) {
    const LogFormat format = random.format();
    for (const record::Field* field : format.fields()) fields.insert(field->name);
    std::vector<Record> records(1 + random.below(300));
    for (Record& record : records) record = random.record();
    const std::string name = std::to_string(file);
    if (file % 2 == 0) {
      std::string text = record::header_line(format) + "\n";
      for (const Record& record : records) {
        record::append_line(text, record, format);
        text += '\n';
      }
      put(name + ".log", text);
    } else {
      auto writer = record::ParquetWriter::make(format).value();
      for (const Record& record : records) ASSERT_TRUE(writer.add(record));
      ASSERT_TRUE(writer.write(path(name + ".parquet")));
    }
    written.emplace_back(format, std::move(records));
  }
  std::vector<ResultSink::Row> expected;
  for (const auto& [format, records] : written) {
    for (const Record& record : records) expected.push_back(expected_row(record, format, fields));
  }
  std::string list;
  for (const std::string_view name : fields) {
    list += (list.empty() ? "\"" : ", \"") + column(name) + "\"";
  }
  Kept kept;
  const auto logs = engine();
  const auto done = logs->run("SELECT " + list + " FROM flow_logs", kept);
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(logs->problems().bad_lines(), 0U);
  EXPECT_EQ(logs->problems().damaged_objects(), 0U);
  EXPECT_THAT(kept.rows, ::testing::UnorderedElementsAreArray(expected));
}

INSTANTIATE_TEST_SUITE_P(Seeds, ReadBack, ::testing::Range(1U, 9U));

using EngineTest = LogsFolder;

TEST_F(EngineTest, SeveralThreadsReadEachLineOnce) {
  constexpr int kObjects = 40;
  constexpr int kLines = 5000;
  for (int object = 0; object < kObjects; ++object) {
    std::string text = "bytes action\n";
    for (int line = 0; line < kLines; ++line) {
      text += std::to_string(object * kLines + line) + " ACCEPT\n";
    }
    put(std::to_string(object) + ".log", text + "does not fit here\n");
  }
  const auto logs = engine(4);
  Kept kept;
  ASSERT_TRUE(logs->run("SELECT count(*), count(DISTINCT bytes), sum(bytes) FROM flow_logs", kept));
  constexpr std::int64_t kAll = std::int64_t{kObjects} * kLines;
  EXPECT_THAT(kept.rows,
              ::testing::ElementsAre(ResultSink::Row{std::to_string(kAll), std::to_string(kAll),
                                                     std::to_string(kAll * (kAll - 1) / 2)}));
  EXPECT_EQ(logs->problems().bad_lines(), std::uint64_t{kObjects});
  EXPECT_EQ(logs->statistics().objects_opened, std::uint64_t{kObjects});
}

TEST_F(EngineTest, AnotherThreadSeesTheFiguresOfAWholePlan) {
  constexpr std::size_t kObjects = 30;
  Random random(1);
  const LogFormat format = random.format();
  for (std::size_t object = 0; object < kObjects; ++object) {
    auto writer = record::ParquetWriter::make(format).value();
    ASSERT_TRUE(writer.add(random.record()));
    ASSERT_TRUE(writer.write(path(std::to_string(object) + ".parquet")));
  }
  const auto logs = engine();
  std::atomic<bool> is_over = false;
  std::set<std::size_t> seen;
  std::jthread other([&] {
    while (!is_over) seen.insert(logs->statistics().parquet_objects);
  });
  Kept kept;
  const auto done = logs->run("SELECT count(*) FROM flow_logs", kept);
  is_over = true;
  other.join();
  ASSERT_TRUE(done) << done.error().message();
  seen.insert(logs->statistics().parquet_objects);
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre(0, kObjects));
}

TEST_F(EngineTest, AnInterruptEndsTheQueryFromAnotherThread) {
  std::string text = "bytes\n";
  for (int line = 0; line < 100'000; ++line) text += std::to_string(line) + "\n";
  put("a.log", text);
  const auto logs = engine();
  Kept kept;
  std::thread other([&] {
    while (logs->statistics().lines == 0) std::this_thread::yield();
    logs->interrupt();
  });
  const auto done = logs->run(
      "SELECT count(*) FROM flow_logs a JOIN flow_logs b ON a.bytes % 9 = b.bytes % 9 WHERE "
      "a.bytes "
      "> b.bytes",
      kept);
  other.join();
  EXPECT_FALSE(done);
  EXPECT_TRUE(kept.rows.empty());
}

TEST_F(EngineTest, SelectStarShowsWhatTheObjectsHaveAndAnyKnownFieldMayBeNamed) {
  put("a.log", "bytes end brand-new log-date\n5 7 x y\n");
  const auto logs = engine();
  Kept all;
  ASSERT_TRUE(logs->run("SELECT * FROM flow_logs", all));
  std::vector<std::string> names;
  for (const ResultColumn& shown : all.names) names.push_back(shown.name);
  EXPECT_THAT(names, ::testing::ElementsAre("bytes", "end", "brand_new", "start_time", "end_time",
                                            "log_account", "log_region", "log_date", "log_hour"));
  Kept some;
  ASSERT_TRUE(logs->run("SELECT brand_new, ecs_task_id, bytes FROM flow_logs", some));
  EXPECT_THAT(some.rows, ::testing::ElementsAre(ResultSink::Row{"x", std::nullopt, "5"}));
}

TEST_F(EngineTest, ATimeThatCannotBeIsNullAndToldInTextAndInParquet) {
  put("a.log",
      "srcaddr end\na 9223372036855\nb 9223372036854\nc -9223372022400\nd -9223372022401\ne "
      "9223372036854775807\nf -\n");
  std::ofstream parquet(path("b.parquet"), std::ios::binary);
  ASSERT_TRUE(engine()->run_into_parquet("SELECT srcaddr, \"end\" FROM flow_logs", parquet));
  parquet.close();
  const auto logs = engine();
  Kept kept;
  const auto done = logs->run(
      "SELECT srcaddr, count(*), min(end_time) FROM flow_logs GROUP BY 1 ORDER BY 1", kept);
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_THAT(kept.rows,
              ::testing::ElementsAre(ResultSink::Row{"a", "2", std::nullopt},
                                     ResultSink::Row{"b", "2", "294247-01-10 04:00:54"},
                                     ResultSink::Row{"c", "2", "290309-12-22 (BC) 00:00:00"},
                                     ResultSink::Row{"d", "2", std::nullopt},
                                     ResultSink::Row{"e", "2", std::nullopt},
                                     ResultSink::Row{"f", "2", std::nullopt}));
  EXPECT_EQ(logs->problems().bad_lines(), 6U);
  EXPECT_THAT(logs->problems().first(),
              ::testing::Contains(::testing::HasSubstr("b.parquet:5: 9223372036854775807 is no")));
  Kept plain;
  ASSERT_TRUE(logs->run("SELECT max(\"end\") FROM flow_logs", plain));
  EXPECT_THAT(plain.rows, ::testing::ElementsAre(ResultSink::Row{"9223372036854775807"}));
}

TEST_F(EngineTest, DescribeNamesColumnsOfHeadersBehindTheFrontToo) {
  put("a.log", "bytes\n5\nbytes brand-new\n6 x\n");
  const auto logs = engine();
  for (const char* sql : {"SELECT column_name FROM (DESCRIBE flow_logs) LIMIT 2",
                          "SELECT column_name FROM (SHOW flow_logs) LIMIT 2"}) {
    Kept kept;
    ASSERT_TRUE(logs->run(sql, kept)) << sql;
    EXPECT_THAT(kept.rows,
                ::testing::ElementsAre(ResultSink::Row{"bytes"}, ResultSink::Row{"brand_new"}))
        << sql;
  }
}

TEST_F(EngineTest, AnErrorsPlaceIsInTheUsersOwnText) {
  put("a.log", "action bytes\nACCEPT 5\n");
  const auto logs = engine();
  Kept kept;
  const auto plain = logs->run("SELECT *, action::INT FROM flow_logs", kept);
  ASSERT_FALSE(plain);
  EXPECT_THAT(plain.error().what, ::testing::HasSubstr(" in line 1"));
  const auto counted = logs->run("SELECT\ncount(*) FROM flow_logs WHERE action::INT = 1", kept);
  ASSERT_FALSE(counted);
  EXPECT_THAT(counted.error().what, ::testing::Not(::testing::HasSubstr(" in line ")))
      << "DuckDB was given another text";
}

TEST(ToldByDuck, AnErrorIsTheSameWhereDuckDbQuotesIt) {
  for (const std::string reason :
       {"Out of Memory Error: failed to pin block of size 256.0 KiB\n\nPossible solutions: many",
        "Conversion Error: Could not convert string 'x' to INT32"}) {
    const std::string quoted =
        "Invalid Input Error: Attempting to execute an unsuccessful or closed pending query "
        "result\n"
        "Error: " +
        reason;
    EXPECT_EQ(told_by_duck(quoted.c_str()).message(), told_by_duck(reason.c_str()).message());
  }
}

TEST_F(EngineTest, RunsOneQueryAfterTheOther) {
  put("a.log", "bytes\n5\n");
  const auto logs = engine();
  for (const char* sql : {"SELECT nosuch FROM flow_logs", "DROP VIEW flow_logs",
                          "DELETE FROM weir_objects", "SELECT bytes FROM flow_logs"}) {
    Kept kept;
    const bool is_good = logs->run(sql, kept).has_value();
    EXPECT_EQ(is_good, std::string_view(sql) == "SELECT bytes FROM flow_logs") << sql;
  }
}

}  // namespace
}  // namespace weir::query
