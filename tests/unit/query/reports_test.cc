// The table of reports; tests/conformance/test_report.py holds their figures.
#include "query/reports.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "record/catalogue.h"

namespace weir::query {
namespace {

const ReportValues kEverything = {.address = base::Address::parse("10.0.0.5"),
                                  .limit = 7,
                                  .at_least = 3,
                                  .per = std::chrono::seconds(60),
                                  .since = base::UnixSeconds(std::chrono::seconds(1'700'000'000))};

/// The values that the report takes.
ReportValues values_for(const Report& report) {
  ReportValues values = kEverything;
  if (report.sql.find("is address}") == std::string_view::npos) values.address.reset();
  if (!report.takes("{limit}")) values.limit.reset();
  if (!report.takes("{at least}")) values.at_least.reset();
  if (!report.takes("{per}")) values.per.reset();
  return values;
}

const Report& report(std::string_view name) {
  return *find_report(name);
}

TEST(Reports, EachIsFoundByItsNameAndNoOther) {
  std::set<const Report*> found;
  for (const Report& one : reports()) {
    EXPECT_EQ(find_report(one.name), &one);
    found.insert(find_report(one.name));
  }
  EXPECT_EQ(found.size(), reports().size());
  EXPECT_EQ(find_report(""), nullptr);
  EXPECT_EQ(find_report("VpcFlowLogs"), nullptr);
}

TEST(Reports, FieldsAreThoseOfTheCatalogue) {
  for (const Report& one : reports()) {
    EXPECT_FALSE(one.field_names().empty()) << one.name;
    for (const std::string_view field : one.field_names()) {
      EXPECT_NE(record::find_field(field), nullptr) << one.name << ": " << field;
    }
  }
}

TEST(Reports, NoPlaceStaysOpenInSql) {
  for (const Report& one : reports()) {
    for (const bool with_plots : {false, true}) {
      const auto sql = sql_of(one, values_for(one), with_plots);
      ASSERT_TRUE(sql) << sql.error().message();
      EXPECT_EQ(sql->find_first_of("{}"), std::string::npos) << *sql;
      EXPECT_EQ(sql->find("WITH") == 0 || sql->find("SELECT") == 0, true) << *sql;
    }
  }
}

TEST(Reports, AnIpv4AddressIsComparedAsTextAndAnIpv6OneInAnyWriting) {
  ReportValues values;
  values.address = base::Address::parse("10.0.0.5");
  EXPECT_NE(sql_of(report("TrafficToDstAddr"), values, false)->find("dstaddr = '10.0.0.5'"),
            std::string::npos);
  values.address = base::Address::parse("2001:DB8:0::5");
  EXPECT_NE(sql_of(report("TrafficFrmSrcAddr"), values, false)
                ->find("cidr_contains('2001:db8::5/128', srcaddr)"),
            std::string::npos);
}

TEST(Reports, AValueThatAReportDoesNotTakeIsAnError) {
  ReportValues values;
  values.per = std::chrono::seconds(60);
  const auto sql = sql_of(report("gaps"), values, false);
  ASSERT_FALSE(sql);
  EXPECT_EQ(sql.error().message(), "--per: is nothing that gaps takes; leave it out");
}

TEST(Reports, TheNearestNameIsSuggested) {
  EXPECT_EQ(report_suggestion("top-talker"), "did you mean VpcFlowLogsTopTalkers?");
  EXPECT_EQ(report_suggestion("converstaions"), "did you mean conversations?");
  EXPECT_EQ(report_suggestion("xyzzy"), "`weir report` lists them");
}

}  // namespace
}  // namespace weir::query
