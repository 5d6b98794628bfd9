// Which columns may be added up early; and that answers are the same whether they are or not.
#include "query/mergeable.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <array>
#include <random>

#include "logs_folder.h"
#include "query/functions.h"

namespace weir::query {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

/// `flow_logs` with these columns, and no rows.
std::unique_ptr<Duck> duck_with(const std::vector<Column>& columns) {
  auto duck = Duck::open().value();
  std::string list;
  for (const Column& column : columns) {
    list +=
        fmt::format("{}{} {}", list.empty() ? "" : ", ", sql_name(column.name), column.sql_type());
  }
  EXPECT_TRUE(duck->run("CREATE TABLE flow_logs (" + list + ")"));
  EXPECT_TRUE(register_functions(*duck));
  return duck;
}

class WhatIsMerged : public ::testing::Test {
 protected:
  [[nodiscard]] std::map<std::string, Merge> of(const std::string& sql) const {
    return mergeable(*duck_, sql, columns_).columns;
  }

  std::vector<Column> columns_ =
      columns_of({"srcaddr", "dstport", "packets", "bytes", "start", "end", "action"});
  std::unique_ptr<Duck> duck_ = duck_with(columns_);
};

TEST_F(WhatIsMerged, ColumnsThatAreOnlyAddedUp) {
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

TEST_F(WhatIsMerged, CountsBecomeSums) {
  const Mergeable found = mergeable(
      *duck_, "SELECT count(*), count(packets) AS n, sum(bytes) FROM flow_logs HAVING count() > 1",
      columns_);
  EXPECT_THAT(found.columns,
              UnorderedElementsAre(Pair("bytes", Merge::sum), Pair(kRowsColumn, Merge::sum)));
  ASSERT_TRUE(found.counting);
  ASSERT_TRUE(duck_->run("ALTER TABLE flow_logs ADD COLUMN weir_rows BIGINT"));
  ASSERT_TRUE(duck_->run(
      "INSERT INTO flow_logs (bytes, packets, weir_rows) VALUES (5, 1, 10), (6, NULL, 20)"));
  auto answer = duck_->run(*found.counting);
  ASSERT_TRUE(answer) << answer.error().message();
  ASSERT_EQ(answer->rows(), 1U);
  EXPECT_EQ(answer->text(0, 0), "30");
  EXPECT_EQ(answer->text(1, 0), "10");
  EXPECT_EQ(answer->text(2, 0), "11");
}

TEST_F(WhatIsMerged, NothingIfTheQueryCouldTell) {
  for (const char* sql : {
           "SELECT srcaddr FROM flow_logs",
           "SELECT sum(bytes), count(bytes) FROM flow_logs",
           "SELECT count(*) OVER () FROM flow_logs",
           "SELECT count(*), random() FROM flow_logs GROUP BY 2",
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

class MergedAnswers : public LogsFolder {
 protected:
  std::vector<Column> columns_ = columns_of(with_all_known({}));
  std::unique_ptr<Duck> duck_ = duck_with(columns_);
};

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
    // In folders as AWS's, and in one that only looks like them.
    constexpr std::array kFolders = {
        "AWSLogs/123456789010/vpcflowlogs/us-east-1/2026/01/02/",
        "AWSLogs/123456789010/vpcflowlogs/us-east-1/2026/01/03/",
        "AWSLogs/210987654321/vpcflowlogs/eu-west-1/2026/01/03/07/",
        "",
        "",
    };
    put(kFolders[static_cast<std::size_t>(object)] + std::to_string(object) + ".log", text);
  }
  // Texts that grow while lines are made one, and at last are too long for that.
  std::string growing = "action bytes instance-id\n";
  for (const std::size_t longest : {4U, 20U, 64U, 65U, 300U}) {
    for (int line = 0; line < 2000; ++line) {
      const std::string text(1 + random() % longest, static_cast<char>('a' + random() % 3));
      growing += fmt::format("{} 10 {}\n", one_of({"ACCEPT", "REJECT"}), text);
    }
  }
  put("growing.log", growing);
  std::ofstream parquet(path("x.parquet"), std::ios::binary);
  ASSERT_TRUE(
      engine()->run_into_parquet("SELECT srcaddr, dstport, bytes, start, \"end\", action FROM "
                                 "flow_logs WHERE \"end\" < 2000000000",
                                 parquet));
  parquet.close();
  const auto merged = engine();
  const auto plain = engine();
  struct Case {
    const char* sql;
    bool is_merged = true;
  };
  for (
      const auto& [sql, is_merged] : std::initializer_list<Case>{
          {"SELECT srcaddr, sum(bytes) AS b FROM logs GROUP BY ALL ORDER BY 1, 2"},
          {"SELECT sum(bytes), min(packets), max(\"end\"), max(end_time) FROM logs"},
          {"SELECT SRCADDR, dstport, sum(BYTES) AS bytes FROM logs GROUP BY 1, 2 ORDER BY bytes, "
           "1, 2"},
          {"SELECT srcaddr AS a, sum(packets) FROM logs WHERE srcaddr <> '10.0.0.1' GROUP BY a "
           "ORDER BY 1"},
          {"SELECT action, start, end_time, sum(bytes) FROM logs GROUP BY ALL ORDER BY 1, 2, 3"},
          {"SELECT dstport, sum(bytes) FROM logs WHERE dstport = 22 AND action = 'REJECT' GROUP BY "
           "1"},
          {"SELECT upper(srcaddr) AS s, sum(bytes) FROM logs GROUP BY s HAVING sum(bytes) > 100 "
           "ORDER BY s"},
          {"SELECT port_name(dstport) AS s, min(start_time), sum(packets) FROM logs GROUP BY s "
           "ORDER BY s"},
          {"SELECT count(DISTINCT srcaddr), sum(bytes) FILTER (action = 'ACCEPT') FROM logs"},
          {"SELECT action, log_hour, sum(bytes) FROM logs GROUP BY ALL ORDER BY 1, 2"},
          {"SELECT action, count(*) FROM logs GROUP BY action ORDER BY 1"},
          {"SELECT count(*) FROM logs"},
          {"SELECT count(*) FROM logs WHERE action = 'NONE'"},
          {"SELECT count(*) FROM logs WHERE action = 'NONE' GROUP BY srcaddr"},
          {"SELECT count(*), count(1), count(NULL), count(packets), count(DISTINCT dstport), "
           "sum(bytes) FROM logs"},
          {"SELECT srcaddr, count(*) FILTER (action = 'REJECT') AS n, count(dstport) FILTER "
           "(action IS NOT NULL) FROM logs GROUP BY ALL HAVING count(*) > 10 ORDER BY count(*) "
           "DESC, 1"},
          {"SELECT 100.0 * count(action) / count(*), log_date, log_account FROM logs GROUP BY ALL "
           "ORDER BY 1, 2, 3"},
          {"SELECT log_region, log_date, log_hour, action, count(*), min(start) FROM logs GROUP BY "
           "ALL ORDER BY 1, 2, 3, 4"},
          {"SELECT version, ecs_task_id, count(*) FROM logs GROUP BY ALL"},
          {"SELECT srcaddr, count(*) FROM logs GROUP BY GROUPING SETS ((1), ()) ORDER BY 1, 2"},
          {"SELECT CASE WHEN count(*) > 5 THEN 'many' END AS c, action FROM logs GROUP BY 2 ORDER "
           "BY 2"},
          {"SELECT sum(bytes) FROM logs WHERE action = 'NONE'"},
          {"SELECT ecs_task_id, sum(bytes) FROM logs GROUP BY 1"},
          {"SELECT srcaddr, dstport, action, sum(bytes), sum(packets), min(start), max(\"end\") "
           "FROM logs GROUP BY GROUPING SETS ((1, 2), (3), ()) ORDER BY 1, 2, 3, 4"},
          // Texts of all lengths, of which the longest are not merged on the way.
          {"SELECT action, instance_id, count(*), sum(bytes) FROM logs GROUP BY 1, 2 ORDER BY 1, "
           "2"},
          // A DOUBLE that DuckDB's text of it would make a DECIMAL.
          {"SELECT count(*) * 1e-3, sum(bytes) * 1e3 FROM logs", false},
          {"SELECT action AS weir_rows, count(*) FROM logs WHERE weir_rows = 'ACCEPT' GROUP BY 1",
           false},
          {"SELECT 'x' AS weir_rows, count(*) FROM logs GROUP BY weir_rows", false},
          {"SELECT srcaddr, sum(bytes) FROM logs GROUP BY ALL ORDER BY ALL", false},
      }) {
    Kept one;
    Kept other;
    EXPECT_EQ(!mergeable(*duck_, with_table(sql, "flow_logs"), columns_).columns.empty(), is_merged)
        << sql;
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
