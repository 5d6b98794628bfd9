#include "base/iana.h"

#include <algorithm>
#include <array>

namespace weir::base {
namespace {

constexpr std::array kProtocols = {
    IanaName{1, "ICMP"},   IanaName{2, "IGMP"},    IanaName{4, "IPv4"},  IanaName{6, "TCP"},
    IanaName{17, "UDP"},   IanaName{41, "IPv6"},   IanaName{47, "GRE"},  IanaName{50, "ESP"},
    IanaName{51, "AH"},    IanaName{58, "ICMPv6"}, IanaName{89, "OSPF"}, IanaName{112, "VRRP"},
    IanaName{132, "SCTP"},
};

constexpr std::array kPorts = {
    IanaName{20, "ftp-data"},
    IanaName{21, "ftp"},
    IanaName{22, "ssh"},
    IanaName{23, "telnet"},
    IanaName{25, "smtp"},
    IanaName{53, "domain"},
    IanaName{67, "bootps"},
    IanaName{68, "bootpc"},
    IanaName{80, "http"},
    IanaName{88, "kerberos"},
    IanaName{110, "pop3"},
    IanaName{111, "sunrpc"},
    IanaName{123, "ntp"},
    IanaName{135, "epmap"},
    IanaName{137, "netbios-ns"},
    IanaName{138, "netbios-dgm"},
    IanaName{139, "netbios-ssn"},
    IanaName{143, "imap"},
    IanaName{161, "snmp"},
    IanaName{179, "bgp"},
    IanaName{389, "ldap"},
    IanaName{443, "https"},
    IanaName{445, "microsoft-ds"},
    IanaName{465, "submissions"},
    IanaName{500, "isakmp"},
    IanaName{514, "syslog"},
    IanaName{587, "submission"},
    IanaName{636, "ldaps"},
    IanaName{873, "rsync"},
    IanaName{993, "imaps"},
    IanaName{995, "pop3s"},
    IanaName{1433, "ms-sql-s"},
    IanaName{1521, "oracle"},
    IanaName{2049, "nfs"},
    IanaName{2379, "etcd-client"},
    IanaName{3306, "mysql"},
    IanaName{3389, "ms-wbt-server"},
    IanaName{5060, "sip"},
    IanaName{5432, "postgresql"},
    IanaName{5672, "amqp"},
    IanaName{5900, "rfb"},
    IanaName{6379, "redis"},
    IanaName{6443, "kubernetes"},
    IanaName{8080, "http-alt"},
    IanaName{9092, "kafka"},
    IanaName{9200, "elasticsearch"},
    IanaName{11211, "memcache"},
    IanaName{27017, "mongodb"},
};

std::string_view name_of(std::span<const IanaName> names, std::uint32_t number) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [&](const IanaName& name) { return name.number == number; });
  return found == names.end() ? std::string_view() : found->name;
}

}  // namespace

std::span<const IanaName> protocol_names() {
  return kProtocols;
}

std::span<const IanaName> port_names() {
  return kPorts;
}

std::string_view protocol_name(std::uint32_t protocol) {
  return name_of(kProtocols, protocol);
}

std::string_view port_name(std::uint32_t port) {
  return name_of(kPorts, port);
}

}  // namespace weir::base
