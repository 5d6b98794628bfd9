#include "vpc/traffic.h"

#include <map>

#include "base/iana.h"
#include "base/number.h"

namespace weir::vpc {
namespace {

constexpr std::int64_t kMaxPort = 65535;
constexpr std::int64_t kMaxByte = 255;
constexpr std::int64_t kAny = -1;

/// Sets `out` to the protocol, or to nothing for "-1"; false when there is no telling.
bool read_protocol(const JsonObject& object, const char* key, std::optional<std::uint8_t>& out) {
  static const std::map<std::string, std::uint8_t, std::less<>> kNames = {
      {"tcp", base::kTcp}, {"udp", base::kUdp}, {"icmp", base::kIcmp}, {"icmpv6", base::kIcmpv6}};
  const std::string text = object.required_text(key);
  if (text.empty()) return false;
  if (text == "-1" || text == "all") return true;
  if (auto name = kNames.find(text); name != kNames.end()) {
    out = name->second;
    return true;
  }
  const auto number = base::whole_number<unsigned>(text);
  if (!number || *number > kMaxByte) {
    object.fail(key, "'" + text + "' is no protocol",
                "give tcp, udp, icmp, icmpv6, a number from 0 to 255, or -1 for all");
    return false;
  }
  out = static_cast<std::uint8_t>(*number);
  return true;
}

void read_ports(const JsonObject& object, const char* first_key, const char* last_key,
                TrafficClass& out) {
  const auto first = object.integer(first_key);
  const auto last = object.integer(last_key);
  if (first == kAny && last == kAny) return;
  for (const auto& [key, port] : {std::pair{first_key, first}, std::pair{last_key, last}}) {
    if (!port && !object.has(key)) object.fail(key, "is missing", "every port is 0 to 65535");
    if (!port) return;
    if (*port < 0 || *port > kMaxPort) {
      return object.fail(key, std::to_string(*port) + " is outside 0-65535");
    }
  }
  if (*first > *last) {
    return object.fail(
        first_key, std::to_string(*first) + " is above the last port, " + std::to_string(*last));
  }
  out.first_port = static_cast<std::uint16_t>(*first);
  out.last_port = static_cast<std::uint16_t>(*last);
}

void read_icmp(const JsonObject& object, const char* type_key, const char* code_key,
               TrafficClass& out) {
  const std::int64_t type = object.integer(type_key).value_or(kAny);
  const std::int64_t code = object.integer(code_key).value_or(kAny);
  for (const auto& [key, value] : {std::pair{type_key, type}, std::pair{code_key, code}}) {
    if (value < kAny || value > kMaxByte) {
      return object.fail(key, std::to_string(value) + " is outside -1-255");
    }
  }
  if (type == kAny && code != kAny) {
    return object.fail(code_key, "a code needs an ICMP type", "give -1 for every code");
  }
  if (type != kAny) out.icmp_type = static_cast<std::uint8_t>(type);
  if (code != kAny) out.icmp_code = static_cast<std::uint8_t>(code);
}

}  // namespace

TrafficClass read_group_traffic(const JsonObject& rule) {
  TrafficClass out;
  if (!read_protocol(rule, "IpProtocol", out.protocol) || !out.protocol) return out;
  if (out.protocol == base::kTcp || out.protocol == base::kUdp)
    read_ports(rule, "FromPort", "ToPort", out);
  // For ICMP the two fields are its type and code.
  if (out.protocol == base::kIcmp || out.protocol == base::kIcmpv6)
    read_icmp(rule, "FromPort", "ToPort", out);
  return out;
}

TrafficClass read_acl_traffic(const JsonObject& entry, bool is_ipv6) {
  TrafficClass out;
  if (!read_protocol(entry, "Protocol", out.protocol) || !out.protocol) return out;
  if (out.protocol == base::kTcp || out.protocol == base::kUdp) {
    if (auto range = entry.object("PortRange")) {
      read_ports(*range, "From", "To", out);
    } else {
      entry.fail("PortRange", "is missing", "TCP and UDP entries need one");
    }
  } else if (out.protocol == base::kIcmp || (out.protocol == base::kIcmpv6 && is_ipv6)) {
    if (auto types = entry.object("IcmpTypeCode")) {
      read_icmp(*types, "Type", "Code", out);
    } else {
      entry.fail("IcmpTypeCode", "is missing", "ICMP entries need one; -1 is every type");
    }
  }
  return out;
}

}  // namespace weir::vpc
