// What a plan leaves out; what a row's value says is never left out.
#include "query/pushdown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::query {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PushDown : public ::testing::Test {
 protected:
  PushDown() : duck_(Duck::open().value()) {
    EXPECT_TRUE(register_scan(*duck_, scan_));
    scan_.columns = columns_of({"srcaddr", "dstport", "bytes", "start", "end", "action"});
    EXPECT_TRUE(duck_->run("CREATE TEMP VIEW flow_logs AS SELECT * FROM weir_flow_logs()"));
    for (const char* hour : {"00", "01", "02"}) {
      logs::Object object;
      object.path = "1_vpcflowlogs_r_fl-1_20180620T" + std::string(hour) + "00Z_0.log.gz";
      object.key = logs::read_key(object.path);
      objects_.push_back(object);
    }
    objects_.push_back({});  // of which nothing is known
  }

  Pushdown of(const std::string& condition) {
    return push_down(*duck_, "SELECT count(*) FROM flow_logs WHERE " + condition,
                     candidates_of(objects_))
        .value();
  }

  std::unique_ptr<Duck> duck_;
  Scan scan_;
  std::vector<logs::Object> objects_;
};

constexpr const char* kOne = "1529456400";  // 2018-06-20T01:00:00Z

TEST_F(PushDown, ConditionsOnTheKeyAreDecidedByDuckDb) {
  EXPECT_THAT(of("log_hour = 1").objects, ElementsAre(1));
  EXPECT_THAT(of("log_hour <> 1 AND log_date < DATE '2018-06-21'").objects, ElementsAre(0, 2));
  EXPECT_THAT(of("log_hour IS NULL OR log_hour = 2").objects, ElementsAre(2, 3));
  EXPECT_THAT(of("log_hour = 1 OR bytes = 5").objects, ElementsAre(0, 1, 2, 3));
}

TEST_F(PushDown, TheEndLiesInTheFiveMinutesOfTheName) {
  const std::string one = kOne;
  EXPECT_THAT(of("\"end\" >= " + one).objects, ElementsAre(1, 2, 3));
  EXPECT_THAT(of("\"end\" > " + one + " + 299").objects, ElementsAre(2, 3));
  EXPECT_THAT(of("\"end\" = " + one + " + 299").objects, ElementsAre(1, 3));
  EXPECT_THAT(of("\"end\" = " + one + " + 300").objects, ElementsAre(3));
  EXPECT_THAT(of("end_time < '2018-06-20 01:00:00'").objects, ElementsAre(0, 3));
  EXPECT_THAT(of("\"end\" > 9000000001").objects, ElementsAre(3));
}

TEST_F(PushDown, ARecordStartsAtMostAWindowBeforeItsEnd) {
  const std::string one = kOne;
  EXPECT_THAT(of("start > " + one + " + 299").objects, ElementsAre(2, 3));
  EXPECT_THAT(of("start < " + one + " - 3600").objects, ElementsAre(0, 3));
  EXPECT_THAT(of("start <= " + one + " - 3600").objects, ElementsAre(0, 1, 3));
  EXPECT_THAT(of("start_time BETWEEN '2018-06-20 02:04:59' AND '2018-06-20 09:00:00'").objects,
              ElementsAre(2, 3));
}

TEST_F(PushDown, AColumnOnBothSidesLeavesNothingOut) {
  EXPECT_THAT(of("\"end\" > start + 1").objects, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(of("\"end\" > \"end\" % 7 + 9999999999").objects, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(of("log_hour > bytes").objects, ElementsAre(0, 1, 2, 3));
}

TEST_F(PushDown, AllAreNeededWhereNoConditionCouldLeaveOneOut) {
  EXPECT_TRUE(of("true").needs_all);
  EXPECT_TRUE(of("bytes > 5 AND action = 'REJECT'").needs_all);
  EXPECT_TRUE(of("log_hour = 1 OR bytes = 5").needs_all);
  EXPECT_TRUE(of("\"end\" > start + 1").needs_all);
  EXPECT_FALSE(of("log_date > DATE '2000-01-01'").needs_all)
      << "though it leaves out none of these";
  EXPECT_FALSE(of("bytes > 5 AND \"end\" > 0").needs_all);
  const std::string hour = "SELECT bytes FROM flow_logs WHERE log_hour = ";
  const auto of_two = [&](const std::string& other) {
    return push_down(*duck_, hour + "1 UNION ALL " + other, candidates_of(objects_))->needs_all;
  };
  EXPECT_FALSE(of_two(hour + "2"));
  EXPECT_TRUE(of_two("SELECT bytes FROM flow_logs"));
}

TEST_F(PushDown, EqualitiesAreOfPlainColumnsOnly) {
  const auto equalities = of("dstport = 22 AND 'ACCEPT' = action AND bytes % 7 = 5").equalities;
  ASSERT_EQ(equalities.size(), 2U);
  EXPECT_EQ(equalities[0].field, "dstport");
  EXPECT_EQ(equalities[0].number, 22);
  EXPECT_EQ(equalities[1].field, "action");
  EXPECT_EQ(equalities[1].text, "ACCEPT");
  EXPECT_THAT(of("dstport = 22 OR bytes = 5").equalities, IsEmpty());
  EXPECT_THAT(of("srcaddr = 'a' COLLATE NOCASE").equalities, IsEmpty());
}

TEST_F(PushDown, OfALimitedQuerySoManyRowsAreEnoughIfEachIsOneOfTheScans) {
  ASSERT_TRUE(duck_->run("SET preserve_insertion_order = false"));
  const auto most_rows = [&](const std::string& sql) {
    return push_down(*duck_, sql, candidates_of(objects_)).value().most_rows;
  };
  EXPECT_EQ(most_rows("SELECT * FROM flow_logs LIMIT 5"), 5U);
  EXPECT_EQ(most_rows("FROM flow_logs LIMIT 1"), 1U);
  EXPECT_EQ(most_rows("SELECT upper(srcaddr), bytes + 1 FROM flow_logs LIMIT 5 OFFSET 7"), 12U);
  EXPECT_EQ(most_rows("SELECT b FROM (SELECT bytes AS b FROM flow_logs) LIMIT 5"), 5U);
  for (const char* all :
       {"SELECT * FROM flow_logs", "SELECT count(*) FROM flow_logs LIMIT 5",
        "SELECT * FROM flow_logs WHERE bytes > 5 LIMIT 5",
        "SELECT * FROM flow_logs ORDER BY bytes LIMIT 5",
        "SELECT DISTINCT srcaddr FROM flow_logs LIMIT 5", "SELECT * FROM flow_logs LIMIT 5%",
        "SELECT * FROM flow_logs OFFSET 5", "SELECT * FROM flow_logs LIMIT (SELECT 5)",
        "SELECT count(*) FROM (SELECT * FROM flow_logs LIMIT 5)",
        "SELECT * FROM (SELECT * FROM flow_logs LIMIT 5)",
        "SELECT * FROM (SELECT * FROM flow_logs LIMIT 5 OFFSET 9) LIMIT 5",
        "SELECT * FROM flow_logs a JOIN flow_logs b ON a.bytes = b.bytes LIMIT 5",
        "SELECT bytes FROM flow_logs UNION ALL SELECT bytes FROM flow_logs LIMIT 5",
        "SELECT unnest([]) FROM flow_logs LIMIT 5",
        "SELECT row_number() OVER () FROM flow_logs LIMIT 5"}) {
    EXPECT_FALSE(most_rows(all)) << all;
  }
}

TEST_F(PushDown, QuotesInAConstantHideNoCondition) {
  const auto pushed = of("action = 'x'' OR log_hour = 1 OR ''end'");
  EXPECT_THAT(pushed.objects, ElementsAre(0, 1, 2, 3));
  ASSERT_EQ(pushed.equalities.size(), 1U);
  EXPECT_EQ(pushed.equalities[0].text, "x' OR log_hour = 1 OR 'end");
}

TEST_F(PushDown, OfTwoScansEachKeepsItsObjectsAndNoEqualityHoldsForBoth) {
  const auto pushed =
      push_down(*duck_,
                "SELECT count(*) FROM flow_logs a JOIN flow_logs b ON a.bytes = b.bytes WHERE "
                "a.log_hour = 0 AND b.log_hour = 2 AND a.dstport = 22",
                candidates_of(objects_))
          .value();
  EXPECT_THAT(pushed.objects, ElementsAre(0, 2));
  EXPECT_THAT(pushed.equalities, IsEmpty());
}

TEST_F(PushDown, TellsTheColumnsThatAreRead) {
  scan_.columns = columns_of({kAnyField, "SrcAddr", "dstport", "bytes", "start", "end", "action"});
  ASSERT_TRUE(duck_->run("CREATE OR REPLACE VIEW flow_logs AS SELECT * FROM weir_flow_logs()"));
  const auto columns = [&](const std::string& sql) {
    return push_down(*duck_, sql, {}).value().columns.value_or(std::set<std::string>{"every one"});
  };
  EXPECT_THAT(columns("SELECT sum(bytes) FROM flow_logs WHERE srcaddr > 'x' AND end_time > now()"),
              ElementsAre("bytes", "end", "srcaddr"));
  EXPECT_THAT(columns("SELECT a.bytes FROM flow_logs a, flow_logs b WHERE a.action = b.action"),
              ElementsAre("action", "bytes"));
  EXPECT_THAT(columns("SELECT dstport FROM (SELECT * FROM flow_logs)"), ElementsAre("dstport"));
  EXPECT_THAT(columns("SELECT count(*) FROM flow_logs"), ElementsAre(kAnyColumn));
  EXPECT_THAT(columns("SELECT max(bytes), (SELECT count(*) FROM flow_logs) FROM flow_logs"),
              ElementsAre("bytes", kAnyColumn));
  EXPECT_THAT(columns("SELECT 1 FROM flow_logs WHERE false"), IsEmpty());
  EXPECT_THAT(columns("DESCRIBE flow_logs"), IsEmpty());
  for (const char* all : {"SELECT * FROM flow_logs", "SUMMARIZE flow_logs",
                          "SELECT flow_logs FROM flow_logs", "SELECT COLUMNS(*) FROM flow_logs",
                          "SELECT bytes FROM flow_logs UNION SELECT hash(f) FROM flow_logs f"}) {
    EXPECT_THAT(columns(all), ElementsAre("every one")) << all;
  }
}

}  // namespace
}  // namespace weir::query
