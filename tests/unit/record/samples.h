// Records to test with, and what they must print.
#pragma once

#include <chrono>
#include <string_view>

#include "record/record.h"

namespace weir::record {

inline base::UnixSeconds at(std::int64_t second) {
  return base::UnixSeconds(std::chrono::seconds(second));
}

inline base::Address address(std::string_view text) {
  return base::Address::parse(text).value();
}

/// The interface of AWS's own samples.
inline constexpr InterfaceMetadata kAwsInterface = {
    .account_id = "123456789010",
    .interface_id = "eni-1235b8ca123456789",
    .vpc_id = "vpc-abcdefab012345678",
    .subnet_id = "subnet-aaaaaaaa012345678",
    .instance_id = "i-01234567890123456",
    .region = "us-east-1",
    .az_id = "use1-az2",
    .sublocation_type = "outpost",
    .sublocation_id = "op-0123456789abcdef0",
};

/// An interface of which nothing else is known.
inline InterfaceMetadata bare_interface(std::string_view account_id,
                                        std::string_view interface_id) {
  InterfaceMetadata interface;
  interface.account_id = account_id;
  interface.interface_id = interface_id;
  return interface;
}

/// A TCP flow that was accepted; the header's addresses are the record's.
inline Record tcp(std::string_view src, std::uint16_t srcport, std::string_view dst,
                  std::uint16_t dstport, std::uint64_t packets, std::uint64_t bytes,
                  std::int64_t start, std::int64_t end) {
  Record record;
  record.interface = &kAwsInterface;
  record.start = at(start);
  record.end = at(end);
  record.flow.srcaddr = record.flow.pkt_srcaddr = address(src);
  record.flow.dstaddr = record.flow.pkt_dstaddr = address(dst);
  record.flow.srcport = srcport;
  record.flow.dstport = dstport;
  record.flow.protocol = 6;
  record.flow.packets = packets;
  record.flow.bytes = bytes;
  return record;
}

/// A refused flow with a value in every field that a flow can have.
inline Record full_reject() {
  Record record = tcp("10.0.0.62", 5001, "52.95.128.179", 443, 7, 376, 1566848875, 1566848933);
  record.flow.srcaddr = address("10.0.0.220");
  record.flow.tcp_flags = 18;
  record.flow.direction = FlowDirection::egress;
  record.flow.action = Action::reject;
  record.flow.traffic_path = 8;
  record.flow.reject_cause = RejectCause::network_acl;
  record.flow.pkt_src_aws_service = "EC2";
  record.flow.pkt_dst_aws_service = "S3";
  record.flow.network_acl_rule = "acl-1:egress:*";
  record.flow.security_group_rule = "tracked";
  return record;
}

inline Record without_flow(LogStatus status, std::int64_t start, std::int64_t end) {
  Record record;
  record.interface = &kAwsInterface;
  record.start = at(start);
  record.end = at(end);
  record.log_status = status;
  return record;
}

}  // namespace weir::record
