// Which columns may be added up early; and that answers are the same whether they are or not.
#include "query/mergeable.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <random>

#include "logs_folder.h"

namespace weir::query {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class Mergeable : public ::testing::Test {
 protected:
  [[nodiscard]] std::map<std::string, Merge> of(const std::string& sql) const {
    return mergeable_columns(*duck_, sql, columns_);
  }

  std::unique_ptr<Duck> duck_ = Duck::open().value();
  std::vector<Column> columns_ =
      columns_of({"srcaddr", "dstport", "packets", "bytes", "start", "end", "action"});
};

TEST_F(Mergeable, ColumnsThatAreOnlyAddedUp) {
  EXPECT_THAT(of("SELECT srcaddr, sum(bytes) AS b FROM flow_logs GROUP BY ALL ORDER BY b DESC"),
              UnorderedElementsAre(Pair("bytes", Merge::sum)));
  EXPECT_THAT(
      of("SELECT action, SUM(f.BYTES) / sum(packets), min(start), max(\"end\"), max(dstport) "
         "FROM FLOW_LOGS AS f WHERE srcaddr LIKE '10.%' GROUP BY 1 HAVING sum(bytes) > 5 "
         "ORDER BY sum(packets) LIMIT 3"),
      UnorderedElementsAre(Pair("bytes", Merge::sum), Pair("packets", Merge::sum),
                           Pair("start", Merge::least), Pair("end", Merge::greatest),
                           Pair("dstport", Merge::greatest)));
  EXPECT_THAT(of("SELECT sum(bytes) AS bytes, action FROM flow_logs GROUP BY 2 ORDER BY bytes"),
              UnorderedElementsAre(Pair("bytes", Merge::sum)));
  EXPECT_THAT(
      of("SELECT count(DISTINCT srcaddr), sum(bytes) FILTER (action = 'ACCEPT'), min(bytes + "
         "1), sum(packets) FROM flow_logs WHERE bytes IS NOT NULL"),
      IsEmpty());
  EXPECT_THAT(of("SELECT min(bytes), max(bytes), sum(packets) FROM flow_logs"),
              UnorderedElementsAre(Pair("packets", Merge::sum)));
}

TEST_F(Mergeable, NothingIfTheQueryCouldTell) {
  for (const char* sql : {
           "SELECT srcaddr FROM flow_logs",
           "SELECT sum(bytes), count(*) FROM flow_logs",
           "SELECT sum(bytes), count(packets) FROM flow_logs",
           "SELECT sum(bytes), avg(packets) FROM flow_logs",
           "SELECT sum(bytes), list(action) FROM flow_logs",
           "SELECT sum(bytes + 1) FROM flow_logs",
           "SELECT sum(dstport), sum(bytes) FROM flow_logs",
           "SELECT sum(DISTINCT bytes), sum(packets) FROM flow_logs",
           "SELECT sum(bytes), bytes FROM flow_logs GROUP BY ALL",
           "SELECT sum(bytes) FROM flow_logs WHERE bytes > 5",
           "SELECT sum(bytes) FROM flow_logs GROUP BY bytes % 7",
           "SELECT sum(bytes) FILTER (bytes > 5) FROM flow_logs",
           "SELECT sum(bytes) FROM flow_logs HAVING max(bytes + 1) > 2",
           "SELECT min(packets, 2), sum(bytes) FROM flow_logs",
           "SELECT max(f), sum(bytes) FROM flow_logs f",
           "SELECT max(flow_logs), sum(bytes) FROM flow_logs",
           "SELECT sum(bytes), sum(1) FROM flow_logs",
           "SELECT sum(bytes) FROM flow_logs WHERE random() < 0.5",
           "SELECT sum(bytes) FROM flow_logs TABLESAMPLE 10%",
           "SELECT sum(bytes) FROM flow_logs USING SAMPLE 10",
           "SELECT sum(bytes) FROM flow_logs, range(2)",
           "SELECT sum(bytes) FROM flow_logs a JOIN flow_logs b USING (bytes)",
           "SELECT sum(bytes) FROM (SELECT * FROM flow_logs LIMIT 5)",
           "SELECT sum(bytes) FROM flow_logs WHERE packets = (SELECT max(packets) FROM flow_logs)",
           "WITH flow_logs AS (SELECT 1::BIGINT AS bytes) SELECT sum(bytes) FROM flow_logs",
           "SELECT sum(bytes) OVER () FROM flow_logs",
           "SELECT sum(bytes), sum(COLUMNS('pa.*')) FROM flow_logs",
           "SELECT sum(a) FROM flow_logs AS f(a, b, c, bytes)",
           "SELECT sum(bytes) FROM flow_logs UNION ALL SELECT sum(bytes) FROM flow_logs",
           "SUMMARIZE flow_logs",
           "FROM flow_logs",
           "VALUES (1)",
       }) {
    EXPECT_THAT(of(sql), IsEmpty()) << sql;
  }
}

class MergedAnswers : public LogsFolder {};

/// `sql` has FROM logs, which stands for flow_logs.
std::string with_table(std::string sql, const std::string& table) {
  constexpr std::string_view kTable = "FROM logs";
  return sql.replace(sql.find(kTable), kTable.size(), "FROM " + table);
}

TEST_F(MergedAnswers, AreTheSameAsWithout) {
  std::mt19937 random(17);
  const auto one_of = [&](std::initializer_list<const char*> values) {
    return std::data(values)[random() % values.size()];
  };
  for (int object = 0; object < 5; ++object) {
    const bool has_packets = object % 2 == 0;  // the formats differ
    std::string text = has_packets ? "srcaddr dstport bytes packets start end action\n"
                                   : "action bytes srcaddr dstport end start\n";
    for (int line = 0; line < 3000; ++line) {
      const std::string srcaddr =
          one_of({"10.0.0.1", "010.0.0.1", "2001:db8::1", "-", "203.0.113.200",
                  "2001:db8:1234:a100:8d6e:3477:df66:f105", "caf\xc3\xa9", "x"});
      const std::string dstport = one_of({"22", "022", "443", "-", "x", "99999999999", "-5"});
      const std::string bytes =
          one_of({"0", "40", "1500", "-", "9223372036854775807", "-7", "1x", "007"});
      const std::string packets = one_of({"1", "2", "-"});
      const std::string start = std::to_string(1'600'000'000 + random() % 3);
      const std::string end = one_of({"1600000060", "-", "99999999999999999"});
      const std::string action = one_of({"ACCEPT", "ACCEPT", "REJECT", "-"});
      text += has_packets
                  ? fmt::format("{} {} {} {} {} {} {}\n", srcaddr, dstport, bytes, packets, start,
                                end, action)
                  : fmt::format("{} {} {} {} {} {}\n", action, bytes, srcaddr, dstport, end, start);
    }
    put(std::to_string(object) + ".log", text);
  }
  std::ofstream parquet(path("x.parquet"), std::ios::binary);
  ASSERT_TRUE(
      engine()->run_into_parquet("SELECT srcaddr, dstport, bytes, start, \"end\", action FROM "
                                 "flow_logs WHERE \"end\" < 2000000000",
                                 parquet));
  parquet.close();
  const auto merged = engine();
  const auto plain = engine();
  for (const char* sql : {
           "SELECT srcaddr, sum(bytes) AS b FROM logs GROUP BY ALL ORDER BY ALL",
           "SELECT sum(bytes), min(packets), max(\"end\"), max(end_time) FROM logs",
           "SELECT SRCADDR, dstport, sum(BYTES) AS bytes FROM logs GROUP BY 1, 2 ORDER BY bytes, "
           "1, 2",
           "SELECT srcaddr AS a, sum(packets) FROM logs WHERE srcaddr <> '10.0.0.1' GROUP BY a "
           "ORDER BY 1",
           "SELECT action, start, end_time, sum(bytes) FROM logs GROUP BY ALL ORDER BY ALL",
           "SELECT dstport, sum(bytes) FROM logs WHERE dstport = 22 AND action = 'REJECT' GROUP BY "
           "1",
           "SELECT upper(srcaddr) AS s, sum(bytes) FROM logs GROUP BY s HAVING sum(bytes) > 100 "
           "ORDER BY s",
           "SELECT port_name(dstport) AS s, min(start_time), sum(packets) FROM logs GROUP BY s "
           "ORDER BY s",
           "SELECT count(DISTINCT srcaddr), sum(bytes) FILTER (action = 'ACCEPT') FROM logs",
           "SELECT action, log_hour, sum(bytes) FROM logs GROUP BY ALL ORDER BY ALL",
           "SELECT sum(bytes) FROM logs WHERE action = 'NONE'",
           "SELECT ecs_task_id, sum(bytes) FROM logs GROUP BY 1",
           "SELECT srcaddr, dstport, action, sum(bytes), sum(packets), min(start), max(\"end\") "
           "FROM logs "
           "GROUP BY GROUPING SETS ((1, 2), (3), ()) ORDER BY ALL",
       }) {
    Kept one;
    Kept other;
    const auto done = merged->run(with_table(sql, "flow_logs"), one);
    ASSERT_TRUE(done) << sql << done.error().message();
    ASSERT_TRUE(plain->run(with_table(sql, "(SELECT * FROM flow_logs) AS flow_logs"), other))
        << sql;
    EXPECT_EQ(one.rows, other.rows) << sql;
    for (std::size_t i = 0; i < one.names.size(); ++i) {
      EXPECT_EQ(one.names[i].name, other.names[i].name) << sql;
    }
  }
  EXPECT_EQ(merged->problems().bad_lines(), plain->problems().bad_lines());
}

}  // namespace
}  // namespace weir::query
