#include "deliver/log_destination.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "aws/s3.h"

namespace weir::deliver {
namespace {

/// "arn:aws:logs:us-east-1:123456789012:log-group:name", split; the last part is all of the rest.
struct Arn {
  std::string service;
  std::string region;
  std::string resource;
};

std::optional<Arn> parse_arn(std::string_view text) {
  constexpr std::size_t kParts = 6;
  std::array<std::string, kParts> parts;
  for (std::size_t i = 0; i + 1 < kParts; ++i) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    parts[i] = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  if (parts[0] != "arn" || !parts[1].starts_with("aws")) return std::nullopt;
  return Arn{parts[2], parts[3], std::string(text)};
}

bool consists_of(std::string_view name, std::string_view others) {
  return std::all_of(name.begin(), name.end(), [others](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

bool is_group_name(std::string_view name) {
  constexpr std::size_t kLongest = 512;
  return !name.empty() && name.size() <= kLongest && consists_of(name, "._-/#");
}

bool is_delivery_stream_name(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  return !name.empty() && name.size() <= kLongest && consists_of(name, "._-");
}

/// Reads the parameters of one flow log.
class Reading {
 public:
  Reading(const LogDestinationAsked& asked, const std::string& before)
      : asked_(asked), before_(before) {}

  base::Expected<LogDestination> run() const {
    const std::string& destination = asked_.log_destination;
    const auto arn = parse_arn(destination);
    std::string type = asked_.log_destination_type;
    // AWS's default is CloudWatch Logs; here it is what the destination is.
    if (type.empty() && !asked_.log_group_name.empty()) type = "cloud-watch-logs";
    if (type.empty() && arn && arn->service == "logs") type = "cloud-watch-logs";
    if (type.empty() && arn && arn->service == "firehose") type = "kinesis-data-firehose";
    if (type.empty() && (aws::is_s3_url(destination) || arn)) type = "s3";
    if (!asked_.log_group_name.empty() && type != "cloud-watch-logs") {
      return fail("log-group-name",
                  "LogDestination type must be cloud-watch-logs if LogGroupName is provided", "");
    }
    if (type == "cloud-watch-logs") return logs(arn);
    if (type == "kinesis-data-firehose") return firehose(arn);
    if (!asked_.deliver_logs_permission_arn.empty()) {
      return fail("deliver-logs-permission-arn",
                  "DeliverLogsPermissionArn is not applicable for s3 delivery",
                  "give the role as the profile's role_arn");
    }
    if (type != "s3") return LogDestination{LogDestinationType::folder, destination, "", ""};
    if (!aws::is_s3_url(destination)) {
      return fail("log-destination", "'" + destination + "' names no bucket",
                  "write s3://bucket/prefix or the bucket's ARN");
    }
    return LogDestination{LogDestinationType::s3, destination, "", ""};
  }

 private:
  base::Expected<LogDestination> logs(const std::optional<Arn>& arn) const {
    const std::string& group = asked_.log_group_name;
    LogDestination out{LogDestinationType::cloud_watch_logs, group, "",
                       asked_.deliver_logs_permission_arn};
    if (asked_.log_destination.empty()) {
      if (group.empty()) {
        return fail("log-destination",
                    "LogDestination can't be empty if LogGroupName is not provided",
                    "give " + before_ + "log-group-name");
      }
    } else {
      constexpr std::string_view kGroup = "log-group:";
      if (!arn || arn->service != "logs" || !arn->resource.starts_with(kGroup)) {
        return fail("log-destination", "'" + asked_.log_destination + "' is no log group's ARN",
                    "write arn:aws:logs:{region}:{account}:log-group:{name}, or give " + before_ +
                        "log-group-name alone");
      }
      out.name = arn->resource.substr(kGroup.size());
      out.region = arn->region;
      // `aws logs describe-log-groups` prints it so, and AWS's delivery refuses it.
      if (out.name.ends_with(":*")) {
        return fail("log-destination", "the log group's ARN ends with :*", "leave the :* away");
      }
      if (!group.empty() && group != out.name) {
        return fail("log-group-name", "is another log group than that of the ARN",
                    "give one of the two");
      }
    }
    if (is_group_name(out.name)) return out;
    return fail(group.empty() ? "log-destination" : "log-group-name",
                "'" + out.name + "' is no log group's name",
                "it has 1 to 512 letters, digits and . - _ / #");
  }

  base::Expected<LogDestination> firehose(const std::optional<Arn>& arn) const {
    // AWS's documentation has both forms.
    for (const std::string_view kind : {"deliverystream/", "deliverystream:"}) {
      if (!arn || arn->service != "firehose" || !arn->resource.starts_with(kind)) continue;
      LogDestination out{LogDestinationType::kinesis_data_firehose,
                         arn->resource.substr(kind.size()), arn->region,
                         asked_.deliver_logs_permission_arn};
      if (is_delivery_stream_name(out.name)) return out;
    }
    return fail("log-destination", "'" + asked_.log_destination + "' is no delivery stream's ARN",
                "write arn:aws:firehose:{region}:{account}:deliverystream/{name}");
  }

  [[nodiscard]] tl::unexpected<base::Error> fail(const char* parameter, std::string what,
                                                 std::string hint) const {
    return base::fail(before_ + parameter, std::move(what), std::move(hint));
  }

  const LogDestinationAsked& asked_;
  const std::string& before_;
};

}  // namespace

base::Expected<LogDestination> log_destination_of(const LogDestinationAsked& asked,
                                                  const std::string& before_names) {
  return Reading(asked, before_names).run();
}

}  // namespace weir::deliver
