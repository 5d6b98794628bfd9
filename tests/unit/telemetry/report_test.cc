// What is told of a report, in JSON and for Prometheus.
#include <gmock/gmock.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "telemetry/metrics.h"
#include "telemetry/status_json.h"

namespace weir::telemetry {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

base::UnixSeconds at(int second) {
  return base::UnixSeconds(seconds(second));
}

service::Report report_of(service::FlowLogReport flow_log) {
  service::Report report;
  report.started = at(1'000'000'000);
  report.flow_logs.push_back(std::move(flow_log));
  return report;
}

const std::string kLabels = R"({flow_log_id="fl-1",log_destination="s3://logs"})";

/// Of a bucket that refuses what three segments hold, after it has taken two.
service::FlowLogReport refused() {
  service::FlowLogReport out;
  out.id = "fl-1";
  out.destination = "s3://logs";
  out.complaint = "Access error: s3://logs: AccessDenied";
  service::DeliveryAccount& account = out.delivery.emplace();
  account.spool.waiting = 3;
  account.spool.waiting_bytes = 4096;
  account.spool.waiting_since = at(1'418'530'020);  // 2014-12-14T04:07:00Z
  account.spool.given_up = 1;
  account.delivery.delivered = 2;
  account.delivery.refused = 5;
  account.delivery.failures = 7;
  account.delivery.last_error = deliver::Undelivered{
      deliver::DeliverLogsError::access_error, false, {"s3://logs", "AccessDenied", ""}};
  return out;
}

TEST(Report, OfARefusedDeliveryTellsWhyAndWhatWaits) {
  const json status = json::parse(status_json(report_of(refused())));
  const json& flow_log = status.at("FlowLogs").at(0);
  EXPECT_EQ(flow_log.at("DeliverLogsStatus"), "FAILED");
  EXPECT_EQ(flow_log.at("DeliverLogsErrorMessage"), "Access error: s3://logs: AccessDenied");
  EXPECT_EQ(flow_log.at("Delivery"),
            json({{"Waiting", 3},
                  {"WaitingBytes", 4096},
                  {"WaitingSince", "2014-12-14T04:07:00Z"},
                  {"GivenUp", 1},
                  {"Delivered", 2},
                  {"RefusedRecords", 5},
                  {"Failures", 7},
                  {"LastError", "Access error: s3://logs: AccessDenied"}}));

  const std::string text = metrics(report_of(refused()));
  for (const char* sample : {"weir_delivery_failing", "weir_segments_given_up_total"}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + sample + kLabels + " 1\n"));
  }
  EXPECT_THAT(text, HasSubstr("\nweir_spool_segments" + kLabels + " 3\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_spool_bytes" + kLabels + " 4096\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_spool_oldest_timestamp_seconds" + kLabels + " 1418530020\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_segments_delivered_total" + kLabels + " 2\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_records_refused_total" + kLabels + " 5\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_delivery_failures_total" + kLabels + " 7\n"));
}

TEST(Report, OfADeliveryThatWorksAgainStillHasItsLastError) {
  service::FlowLogReport flow_log = refused();
  flow_log.complaint.clear();
  flow_log.delivery->spool = {};
  const json status = json::parse(status_json(report_of(flow_log)));
  const json& told = status.at("FlowLogs").at(0);
  EXPECT_EQ(told.at("DeliverLogsStatus"), "SUCCESS");
  EXPECT_EQ(told.at("Delivery").at("Waiting"), 0);
  EXPECT_FALSE(told.at("Delivery").contains("WaitingSince"));
  EXPECT_TRUE(told.at("Delivery").contains("LastError"));
  const std::string text = metrics(report_of(flow_log));
  EXPECT_THAT(text, HasSubstr("\nweir_delivery_failing" + kLabels + " 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("\nweir_spool_oldest_timestamp_seconds{")));
}

TEST(Report, OfOneThatHasEndedStandsBesideItsSuccessorOfTheSameId) {
  service::Report report = report_of(refused());
  report.flow_logs.front().has_ended = true;
  service::FlowLogReport& successor = report.flow_logs.emplace_back();
  successor.id = "fl-1";
  successor.destination = "log group /flow";
  successor.delivery.emplace();
  const json status = json::parse(status_json(report));
  EXPECT_EQ(status.at("FlowLogs").at(0).at("FlowLogStatus"), "ENDED");
  EXPECT_EQ(status.at("FlowLogs").at(0).at("Delivery").at("Waiting"), 3);
  EXPECT_EQ(status.at("FlowLogs").at(1).at("FlowLogStatus"), "ACTIVE");
  EXPECT_EQ(status.at("FlowLogs").at(1).at("Delivery").at("Waiting"), 0);
  const std::string text = metrics(report);
  EXPECT_THAT(text, HasSubstr("\nweir_spool_segments" + kLabels + " 3\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_spool_segments{flow_log_id=\"fl-1\",log_destination=\"log "
                              "group /flow\"} 0\n"));
}

TEST(Report, OfTheFirstSecondDoesNotTellOfADrainThatWasNot) {
  service::Report report;
  report.started = at(1'000'000'000);
  report.room = {4096, 1024, 2048};
  const json drains = json::parse(status_json(report)).at("Drains");
  EXPECT_EQ(drains.at("Count"), 0);
  EXPECT_TRUE(drains.at("Last").is_null());
  EXPECT_EQ(drains.at("FlowCapacity"), report.room.flows);
  EXPECT_TRUE(drains.at("Connections").is_null());
  EXPECT_THAT(metrics(report), Not(HasSubstr("weir_connection_table_connections")));
  report.connections = 17;
  EXPECT_EQ(json::parse(status_json(report)).at("Drains").at("Connections"), 17);
  EXPECT_THAT(metrics(report), HasSubstr("\nweir_connection_table_connections 17\n"));
  report.drains.at = at(1'418'530'020);
  report.drains.add(std::chrono::milliseconds(3));
  EXPECT_EQ(json::parse(status_json(report)).at("Drains").at("Last"), "2014-12-14T04:07:00Z");
}

TEST(Report, OfAFolderHasNoSpool) {
  service::FlowLogReport folder;
  folder.id = "fl-2";
  const json status = json::parse(status_json(report_of(folder)));
  EXPECT_FALSE(status.at("FlowLogs").at(0).contains("Delivery"));
  EXPECT_THAT(metrics(report_of(folder)), Not(HasSubstr("\nweir_spool_segments{")));
}

}  // namespace
}  // namespace weir::telemetry
