// One flow-log record, before it has a format.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/address.h"
#include "base/time.h"

namespace weir::record {

enum class Action : std::uint8_t { accept, reject };
enum class LogStatus : std::uint8_t { ok, nodata, skipdata };
enum class FlowDirection : std::uint8_t { ingress, egress };
enum class RejectCause : std::uint8_t { none, security_group, network_acl, connection_closed };

/// What is known of the interface whatever flowed there; kept in NODATA and SKIPDATA records
/// (facts/flow-logs.md §1.6). Empty text prints as `-`. Views: the owner outlives the record.
struct InterfaceMetadata {
  std::string_view account_id;
  std::string_view interface_id;
  std::string_view vpc_id;
  std::string_view subnet_id;
  std::string_view instance_id;
  std::string_view region;
  std::string_view az_id;
  std::string_view sublocation_type;
  std::string_view sublocation_id;
};

/// The flow of a record whose log-status is OK; all of it prints as `-` otherwise.
struct Flow {
  /// A packet had flags that cannot be together: prints as `-` (facts §1.4).
  static constexpr std::uint8_t kTcpFlagsUnknown = 0xff;

  base::Address srcaddr;      ///< at egress the interface's primary address (facts §1.2, field 4)
  base::Address dstaddr;      ///< at ingress the interface's primary address
  base::Address pkt_srcaddr;  ///< as in the packet's header
  base::Address pkt_dstaddr;
  std::uint16_t srcport = 0;
  std::uint16_t dstport = 0;
  std::uint8_t protocol = 0;
  std::uint8_t tcp_flags = 0;  ///< already AWS's bits (facts §1.4)
  FlowDirection direction = FlowDirection::ingress;
  Action action = Action::accept;
  std::uint8_t traffic_path = 0;  ///< 1-8; 0 prints as `-`
  RejectCause reject_cause = RejectCause::none;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;  ///< layer 3 (facts §1.3)
  std::string_view pkt_src_aws_service;
  std::string_view pkt_dst_aws_service;
  std::string_view network_acl_rule;     ///< weir-network-acl-rule; empty prints as `-`
  std::string_view security_group_rule;  ///< weir-security-group-rule
};

struct Record {
  const InterfaceMetadata* interface = nullptr;
  base::UnixSeconds start;
  base::UnixSeconds end;
  LogStatus log_status = LogStatus::ok;
  Flow flow;
};

}  // namespace weir::record
