#include "record/log_format.h"

#include <algorithm>
#include <array>

#include "base/nearest.h"

namespace weir::record {
namespace {

constexpr int kDefaultVersion = 2;
constexpr int kLastVersionOfAll = 5;
constexpr int kRejectReasonVersion = 8;
constexpr int kWeirVersion = 0;

// Usable only in transit gateway flow logs (facts/flow-logs.md §1.2).
constexpr std::array<std::string_view, 18> kTransitGatewayFields = {"resource-type",
                                                                    "tgw-id",
                                                                    "tgw-attachment-id",
                                                                    "tgw-src-vpc-account-id",
                                                                    "tgw-dst-vpc-account-id",
                                                                    "tgw-src-vpc-id",
                                                                    "tgw-dst-vpc-id",
                                                                    "tgw-src-subnet-id",
                                                                    "tgw-dst-subnet-id",
                                                                    "tgw-src-eni",
                                                                    "tgw-dst-eni",
                                                                    "tgw-src-az-id",
                                                                    "tgw-dst-az-id",
                                                                    "tgw-pair-attachment-id",
                                                                    "packets-lost-no-route",
                                                                    "packets-lost-blackhole",
                                                                    "packets-lost-mtu-exceeded",
                                                                    "packets-lost-ttl-expired"};

/// What a VPC's flow logs have in place of a transit gateway's field: tgw-src-vpc-id is vpc-id.
std::string field_of_vpcs(std::string_view name) {
  for (const Field& field : catalogue()) {
    if (!name.ends_with("-" + std::string(field.name))) continue;
    return "did you mean ${" + std::string(field.name) + "}?";
  }
  return "leave it out";
}

base::Expected<const Field*> known_field(std::string_view name) {
  if (const Field* field = find_field(name)) return field;
  const std::string shown = "${" + std::string(name) + "}";
  if (std::find(kTransitGatewayFields.begin(), kTransitGatewayFields.end(), name) !=
      kTransitGatewayFields.end()) {
    return base::fail("--log-format", shown + " is a field of transit gateway flow logs only",
                      field_of_vpcs(name));
  }
  return base::fail("--log-format", shown + " is not a known field", nearest_field(name));
}

std::vector<const Field*> fields_where(bool (*chosen)(const Field&)) {
  std::vector<const Field*> fields;
  for (const Field& field : catalogue()) {
    if (chosen(field)) fields.push_back(&field);
  }
  return fields;
}

}  // namespace

std::string nearest_field(std::string_view name) {
  std::vector<std::string_view> known;
  for (const Field& field : catalogue()) known.push_back(field.name);
  const auto nearest = base::nearest(name, known);
  if (!nearest) return "`weir fields` lists the fields";
  return "did you mean ${" + std::string(*nearest) + "}?";
}

LogFormat::LogFormat()
    : LogFormat(fields_where([](const Field& field) { return field.version == kDefaultVersion; })) {
}

LogFormat::LogFormat(std::vector<const Field*> fields) : fields_(std::move(fields)) {
  version_ = kDefaultVersion;
  for (const Field* field : fields_) version_ = std::max(version_, field->version);
}

base::Expected<LogFormat> LogFormat::parse(std::string_view text) {
  if (text == "default") return LogFormat();
  if (text == "all") {
    return LogFormat(fields_where([](const Field& field) {
      return field.version <= kLastVersionOfAll || field.version == kRejectReasonVersion ||
             field.version == kWeirVersion;
    }));
  }
  std::vector<const Field*> fields;
  for (std::size_t at = text.find_first_not_of(' '); at != std::string_view::npos;
       at = text.find_first_not_of(' ', at)) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view item = text.substr(at, end - at);
    at = end;
    if (item.size() < 4 || !item.starts_with("${") || item.back() != '}') {
      return base::fail("--log-format", "'" + std::string(item) + "' is not of the form ${field}",
                        "write '${version} ${srcaddr} …', in single quotes for the shell");
    }
    auto field = known_field(item.substr(2, item.size() - 3));
    if (!field) return tl::unexpected(field.error());
    if (std::find(fields.begin(), fields.end(), *field) != fields.end()) {
      return base::fail("--log-format", std::string(item) + " is named twice", "leave one out");
    }
    fields.push_back(*field);
  }
  if (fields.empty()) return base::fail("--log-format", "names no field", "name at least one");
  return LogFormat(std::move(fields));
}

bool LogFormat::has(FieldId id) const {
  return std::any_of(fields_.begin(), fields_.end(),
                     [id](const Field* field) { return field->id == id; });
}

std::string LogFormat::to_string() const {
  std::string out;
  for (const Field* field : fields_) {
    out += (out.empty() ? "${" : " ${") + std::string(field->name) + "}";
  }
  return out;
}

}  // namespace weir::record
