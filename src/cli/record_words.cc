#include "cli/record_words.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>

#include "base/iana.h"
#include "base/printable.h"
#include "base/time.h"
#include "explain/explainer.h"
#include "explain/words.h"

namespace weir::cli {
namespace {

using record::FieldId;

constexpr std::int64_t kLastSecond = 253'402'300'799;  // the end of the year 9999

std::string text(const LoggedRecord& record, FieldId field) {
  const std::string_view value = record.text(field);
  return value.empty() ? "-" : base::printable(value);
}

std::string moment(std::int64_t seconds) {
  if (seconds < 0 || seconds > kLastSecond) return std::to_string(seconds);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}",
                     base::in_utc(base::UnixSeconds(std::chrono::seconds(seconds))));
}

std::string protocol_words(const LoggedRecord& record) {
  const auto protocol = record.number(FieldId::protocol);
  if (!protocol) return text(record, FieldId::protocol);
  const bool is_one = *protocol >= 0 && *protocol <= 255;
  const auto name = is_one ? base::protocol_name(static_cast<std::uint32_t>(*protocol)) : "";
  return name.empty() ? "protocol " + std::to_string(*protocol) : std::string(name);
}

std::string_view name_of_port(std::optional<std::int64_t> port) {
  if (!port || *port < 0 || *port > 65535) return {};
  return base::port_name(static_cast<std::uint32_t>(*port));
}

std::string count(const LoggedRecord& record, FieldId field, std::string_view unit) {
  const auto number = record.number(field);
  if (!number) return "";
  return fmt::format("{} {}{}", *number, unit, *number == 1 ? "" : "s");
}

/// "acl-…:ingress:100", "sg-a+sg-b:egress:*".
struct RuleName {
  std::string_view owner;
  std::string_view direction;
  std::string_view rule;
};

std::optional<RuleName> rule_name(std::string_view name) {
  const std::size_t first = name.find(':');
  const std::size_t last = name.rfind(':');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  return RuleName{name.substr(0, first), name.substr(first + 1, last - first - 1),
                  name.substr(last + 1)};
}

/// From our own fields. The rule that refused stands at the layer of the cause.
std::string refusal_words(const LoggedRecord& record) {
  explain::Finding finding;
  finding.flow.network_acl_rule = record.text(FieldId::weir_network_acl_rule);
  finding.flow.security_group_rule = record.text(FieldId::weir_security_group_rule);
  finding.is_tracked_reply = finding.flow.security_group_rule == "tracked";
  const std::string_view name = record.text(FieldId::weir_reject_cause);
  explain::Cause cause = explain::Cause::security_group;
  std::string_view deciding = finding.flow.security_group_rule;
  std::string_view shortly = "no security group allows it";
  if (name == "NETWORK_ACL") {
    cause = explain::Cause::network_acl;
    deciding = finding.flow.network_acl_rule;
    shortly = "a network ACL denies it";
  } else if (name == "CONNECTION_CLOSED") {
    cause = explain::Cause::connection_closed;
    shortly = "its connection had ended";
  } else if (name != "SECURITY_GROUP") {
    return std::string(name);
  }
  const auto rule = rule_name(deciding);
  if (!rule) return std::string(shortly);
  finding.flow.direction =
      rule->direction == "egress" ? vpc::Direction::egress : vpc::Direction::ingress;
  explain::take_recorded(cause, finding);
  return explain::why(finding, explain::Language::english);
}

std::string acceptance_words(const LoggedRecord& record) {
  std::string words;
  if (const auto acl = rule_name(record.text(FieldId::weir_network_acl_rule))) {
    words = fmt::format("rule {} of network ACL {}", acl->rule, acl->owner);
  }
  const std::string_view group = record.text(FieldId::weir_security_group_rule);
  std::string by_group;
  if (group == "tracked") {
    by_group = "as part of a tracked connection";
  } else if (const auto rule = rule_name(group)) {
    by_group = fmt::format("rule {} of security group {}", rule->rule, rule->owner);
  }
  if (words.empty() && by_group.empty()) return "";
  if (words.empty()) return group == "tracked" ? by_group : "by " + by_group;
  return "by " + words + (by_group.empty() ? "" : " and " + by_group);
}

}  // namespace

Palette terminal_palette() {
  return {"\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"};
}

Palette output_palette() {
  // https://no-color.org: any value but an empty one.
  const char* refused = std::getenv("NO_COLOR");
  const bool is_wanted = isatty(STDOUT_FILENO) == 1 && (refused == nullptr || *refused == '\0');
  return is_wanted ? terminal_palette() : Palette{};
}

std::string RecordWords::time(const LoggedRecord& record) const {
  auto seconds = record.number(FieldId::start);
  if (!seconds) seconds = record.number(FieldId::end);
  return seconds ? moment(*seconds) : "-";
}

std::string RecordWords::interface(const LoggedRecord& record) const {
  const std::string_view id = record.text(FieldId::interface_id);
  if (network_ != nullptr) {
    const auto index = network_->find_interface(id);
    if (index && !(*network_)[*index].name.empty()) {
      return base::printable((*network_)[*index].name);
    }
  }
  return text(record, FieldId::interface_id);
}

/// Where VPCs overlap, an address belongs to the recording interface, or to one of its VPC.
std::string RecordWords::address_name(const LoggedRecord& record, FieldId field) const {
  if (network_ == nullptr) return "";
  const auto address = base::Address::parse(record.text(field));
  if (!address) return "";
  const auto recording = network_->find_interface(record.text(FieldId::interface_id));
  const vpc::NetworkInterface* best = nullptr;
  for (const vpc::InterfaceIndex index : network_->owners(*address)) {
    const vpc::NetworkInterface& owner = (*network_)[index];
    const bool is_near = recording && owner.vpc == (*network_)[*recording].vpc;
    if (best == nullptr || is_near) best = &owner;
    if (recording && index == *recording) break;
  }
  return best == nullptr ? "" : base::printable(best->name);
}

std::string RecordWords::address(const LoggedRecord& record, FieldId field) const {
  const std::string name = address_name(record, field);
  return text(record, field) + (name.empty() ? "" : " (" + name + ")");
}

std::string RecordWords::service(const LoggedRecord& record) const {
  std::string protocol = protocol_words(record);
  const auto source = record.number(FieldId::srcport);
  const auto destination = record.number(FieldId::dstport);
  if (!destination || (destination == 0 && source == 0)) return protocol;
  // The flags of a SYN-ACK stand with who was asked (facts/flow-logs.md §1.4).
  constexpr std::int64_t kSynAck = 18;
  const auto flags = record.number(FieldId::tcp_flags).value_or(0);
  const bool is_tcp = record.number(FieldId::protocol) == base::kTcp;
  const bool is_asked = is_tcp && (flags & kSynAck) != 0 && (flags & kSynAck) != kSynAck;
  const bool is_answer = is_tcp && (flags & kSynAck) == kSynAck;
  const bool is_reply =
      source && !is_asked &&
      (is_answer || (name_of_port(destination).empty() && !name_of_port(source).empty()));
  const auto port = is_reply ? source : destination;
  const std::string_view name = name_of_port(port);
  const std::string words = name.empty() ? fmt::format("port {}/{}", *port, protocol)
                                         : fmt::format("{} ({}/{})", name, *port, protocol);
  return (is_reply ? "reply of " : "") + words;
}

std::string RecordWords::reason(const LoggedRecord& record) const {
  const std::string_view action = record.text(FieldId::action);
  if (action == "ACCEPT") return base::printable(acceptance_words(record));
  if (action != "REJECT") return "";
  const std::string_view aws = record.text(FieldId::reject_reason);
  if (aws == "BPA") return "VPC Block Public Access refuses it";
  if (aws == "EC") return "the VPC endpoint's encryption controls refuse it";
  return base::printable(aws.empty() ? refusal_words(record) : std::string(aws));
}

std::string_view RecordWords::colour(const LoggedRecord& record) const {
  const std::string_view action = record.text(FieldId::action);
  if (action == "ACCEPT") return palette_.accepted;
  if (action == "REJECT") return palette_.refused;
  return record.text(FieldId::log_status) == "SKIPDATA" ? palette_.warning : palette_.faint;
}

std::string RecordWords::sentence(const LoggedRecord& record) const {
  const std::string head = time(record) + " " + interface(record);
  const std::string_view status = record.text(FieldId::log_status);
  const auto start = record.number(FieldId::start);
  const auto end = record.number(FieldId::end);
  const std::string until = end ? " until " + moment(*end) : "";
  if (status == "NODATA") {
    return fmt::format("{} {}no traffic{} (NODATA){}", head, palette_.faint, until, palette_.end);
  }
  if (status == "SKIPDATA") {
    return fmt::format("{} {}some records are missing{} (SKIPDATA){}", head, palette_.warning,
                       until, palette_.end);
  }
  const std::string_view action = record.text(FieldId::action);
  const std::string verdict = action == "ACCEPT"   ? "accepted"
                              : action == "REJECT" ? "refused"
                                                   : text(record, FieldId::action);
  std::string out = head;
  const auto has = [&](FieldId field) { return !record.text(field).empty(); };
  if (has(FieldId::srcaddr) || has(FieldId::dstaddr)) {
    out += fmt::format(" {} → {}", address(record, FieldId::srcaddr),
                       address(record, FieldId::dstaddr));
  }
  if (has(FieldId::protocol) || has(FieldId::dstport)) out += " " + service(record);
  if (has(FieldId::action)) {
    out += fmt::format(" {}{}{}", colour(record), verdict, palette_.end);
  }
  std::string counts = count(record, FieldId::packets, "packet");
  const std::string bytes = count(record, FieldId::bytes, "byte");
  if (!bytes.empty()) counts += (counts.empty() ? "" : ", ") + bytes;
  if (!counts.empty()) out += ": " + counts;
  if (start && end && *start >= 0 && *end > *start) {
    out += fmt::format(" in {} s", *end - *start);
  }
  const std::string why = reason(record);
  return why.empty() ? out : out + "; " + why;
}

}  // namespace weir::cli
