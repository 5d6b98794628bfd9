#include "deliver/object_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/digest.h"

namespace weir::deliver {
namespace {

using std::chrono::days;
using std::chrono::floor;

std::chrono::year_month_day date_of(base::UnixSeconds time) {
  return floor<days>(time);
}

int year(std::chrono::year_month_day date) {
  return static_cast<int>(date.year());
}
unsigned month(std::chrono::year_month_day date) {
  return static_cast<unsigned>(date.month());
}
unsigned day(std::chrono::year_month_day date) {
  return static_cast<unsigned>(date.day());
}

std::chrono::hh_mm_ss<std::chrono::seconds> clock_of(base::UnixSeconds time) {
  return std::chrono::hh_mm_ss(time - floor<days>(time));
}

bool all_of(std::string_view text, int (*is)(int)) {
  return std::all_of(text.begin(), text.end(),
                     [is](char c) { return is(static_cast<unsigned char>(c)) != 0; });
}

bool is_flow_log_id(std::string_view id) {
  constexpr std::size_t kShort = 8;  // of old flow logs
  constexpr std::size_t kLong = 17;
  if (!id.starts_with("fl-")) return false;
  id.remove_prefix(3);
  return (id.size() == kShort || id.size() == kLong) && all_of(id, std::isxdigit);
}

/// Letters, digits and dashes: it becomes part of a path.
bool is_region(std::string_view region) {
  return !region.empty() && std::all_of(region.begin(), region.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace

std::string key_folder(const FlowLog& flow_log, base::UnixSeconds slot) {
  const auto date = date_of(slot);
  const long hour = clock_of(slot).hours().count();
  if (flow_log.hive_compatible_partitions) {
    std::string folder = fmt::format(
        "AWSLogs/aws-account-id={}/aws-service=vpcflowlogs/aws-region={}/year={:04}/month={:02}/"
        "day={:02}/",
        flow_log.account_id, flow_log.region, year(date), month(date), day(date));
    if (flow_log.per_hour_partition) folder += fmt::format("hour={:02}/", hour);
    return folder;
  }
  std::string folder =
      fmt::format("AWSLogs/{}/vpcflowlogs/{}/{:04}/{:02}/{:02}/", flow_log.account_id,
                  flow_log.region, year(date), month(date), day(date));
  if (flow_log.per_hour_partition) folder += fmt::format("{:02}/", hour);
  return folder;
}

std::string key_stem(const FlowLog& flow_log, base::UnixSeconds slot) {
  const auto date = date_of(slot);
  const auto clock = clock_of(slot);
  return fmt::format("{}_vpcflowlogs_{}_{}_{:04}{:02}{:02}T{:02}{:02}Z", flow_log.account_id,
                     flow_log.region, flow_log.id, year(date), month(date), day(date),
                     clock.hours().count(), clock.minutes().count());
}

std::string_view key_suffix(const FlowLog& flow_log) {
  return flow_log.file_format == FileFormat::parquet ? ".log.parquet" : ".log.gz";
}

std::string default_flow_log_id(const std::vector<std::string>& parts) {
  constexpr std::size_t kDigits = 17;
  base::Digest digest;
  for (const std::string& part : parts) {
    digest.add(part);
    digest.add(std::string_view("\0", 1));
  }
  return "fl-" + digest.take_hex().substr(0, kDigits);
}

base::Expected<void> check(const FlowLog& flow_log) {
  using std::chrono::seconds;
  if (flow_log.max_aggregation_interval != seconds(60) &&
      flow_log.max_aggregation_interval != seconds(600)) {
    return base::fail(
        "--max-aggregation-interval",
        fmt::format("{} is neither 60 nor 600 seconds", flow_log.max_aggregation_interval.count()));
  }
  if (!is_flow_log_id(flow_log.id)) {
    return base::fail("--flow-log-id", "'" + flow_log.id + "' is no flow log id",
                      "write fl- and 8 or 17 hex digits");
  }
  if (!is_region(flow_log.region)) {
    return base::fail("--region", "'" + flow_log.region + "' is no region",
                      "write its code, such as us-east-1");
  }
  if (flow_log.account_id.size() != 12 || !all_of(flow_log.account_id, std::isdigit)) {
    return base::fail("account id", "'" + flow_log.account_id + "' is not 12 digits");
  }
  return {};
}

}  // namespace weir::deliver
