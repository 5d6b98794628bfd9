#include "record/catalogue.h"

#include <algorithm>
#include <array>

#include "base/iana.h"

namespace weir::record {
namespace {

Value text(std::string_view value) {
  return value.empty() ? Value{} : Value{value};
}
Value number(std::chrono::sys_seconds time) {
  return time.time_since_epoch().count();
}
template <typename T>
Value number(T value) {
  return static_cast<std::int64_t>(value);
}

std::string_view name_of(LogStatus status) {
  switch (status) {
    case LogStatus::nodata:
      return "NODATA";
    case LogStatus::skipdata:
      return "SKIPDATA";
    default:
      return "OK";
  }
}

Value name_of(RejectCause cause) {
  switch (cause) {
    case RejectCause::security_group:
      return std::string_view("SECURITY_GROUP");
    case RejectCause::network_acl:
      return std::string_view("NETWORK_ACL");
    case RejectCause::connection_closed:
      return std::string_view("CONNECTION_CLOSED");
    default:
      return {};
  }
}

std::string_view type_of(const Flow& flow) {
  return flow.srcaddr.family() == base::Family::ipv4 ? "IPv4" : "IPv6";
}

Value tcp_flags(const Flow& flow) {
  if (flow.protocol != base::kTcp) return std::int64_t{0};
  if (flow.tcp_flags == Flow::kTcpFlagsUnknown) return {};
  return number(flow.tcp_flags);
}

Value unknown(const Record& /*record*/) {
  return {};
}

/// A value of the interface, which every record has.
template <std::string_view InterfaceMetadata::*kMember>
Value interface(const Record& record) {
  return text(record.interface->*kMember);
}

/// A value of the flow, which NODATA and SKIPDATA records have not.
template <auto kMember>
Value flow(const Record& record) {
  if (record.log_status != LogStatus::ok) return {};
  const auto& value = record.flow.*kMember;
  using Type = std::decay_t<decltype(value)>;
  if constexpr (std::is_same_v<Type, std::string_view>) {
    return text(value);
  } else if constexpr (std::is_same_v<Type, base::Address>) {
    return value;
  } else {
    return number(value);
  }
}

template <Value (*kGet)(const Flow&)>
Value of_flow(const Record& record) {
  return record.log_status == LogStatus::ok ? kGet(record.flow) : Value{};
}

constexpr auto kInt32 = ParquetType::int32;
constexpr auto kInt64 = ParquetType::int64;
constexpr auto kString = ParquetType::string;

using Interface = InterfaceMetadata;

// What every record has first, then what only flows have, is decided by the getter alone
// (facts/flow-logs.md §1.2, column NODATA).
const std::array kCatalogue = {
    Field{FieldId::version, "version", 2, kInt32, "highest version among the chosen fields", true,
          unknown},
    Field{FieldId::account_id, "account-id", 2, kString, "account that owns the interface", true,
          interface<&Interface::account_id>},
    Field{FieldId::interface_id, "interface-id", 2, kString, "interface that is recorded", true,
          interface<&Interface::interface_id>},
    Field{FieldId::srcaddr, "srcaddr", 2, kString,
          "source address; at egress the interface's primary one", true, flow<&Flow::srcaddr>},
    Field{FieldId::dstaddr, "dstaddr", 2, kString,
          "destination address; at ingress the interface's primary one", true,
          flow<&Flow::dstaddr>},
    Field{FieldId::srcport, "srcport", 2, kInt32, "source port; 0 where there is none", true,
          flow<&Flow::srcport>},
    Field{FieldId::dstport, "dstport", 2, kInt32, "destination port; 0 where there is none", true,
          flow<&Flow::dstport>},
    Field{FieldId::protocol, "protocol", 2, kInt32, "IANA protocol number: 6 TCP, 17 UDP, 1 ICMP",
          true, flow<&Flow::protocol>},
    Field{FieldId::packets, "packets", 2, kInt64, "packets of the flow in the window", true,
          flow<&Flow::packets>},
    Field{FieldId::bytes, "bytes", 2, kInt64, "their bytes, IP headers included", true,
          flow<&Flow::bytes>},
    Field{FieldId::start, "start", 2, kInt64, "Unix second of the first packet in the window", true,
          [](const Record& record) { return number(record.start); }},
    Field{FieldId::end, "end", 2, kInt64, "Unix second of the last packet in the window", true,
          [](const Record& record) { return number(record.end); }},
    Field{FieldId::action, "action", 2, kString, "ACCEPT or REJECT", true,
          of_flow<[](const Flow& flow) -> Value {
            return std::string_view(flow.action == Action::accept ? "ACCEPT" : "REJECT");
          }>},
    Field{FieldId::log_status, "log-status", 2, kString,
          "OK; NODATA: no traffic; SKIPDATA: some records are missing", true,
          [](const Record& record) -> Value { return name_of(record.log_status); }},
    Field{FieldId::vpc_id, "vpc-id", 3, kString, "VPC of the interface", true,
          interface<&Interface::vpc_id>},
    Field{FieldId::subnet_id, "subnet-id", 3, kString, "subnet of the interface", true,
          interface<&Interface::subnet_id>},
    Field{FieldId::instance_id, "instance-id", 3, kString, "instance the interface is attached to",
          true, interface<&Interface::instance_id>},
    Field{FieldId::tcp_flags, "tcp-flags", 3, kInt32,
          "OR of FIN 1, SYN 2, RST 4, SYN-ACK 18 over the packets", true, of_flow<tcp_flags>},
    Field{FieldId::type, "type", 3, kString, "IPv4 or IPv6", true,
          of_flow<[](const Flow& flow) -> Value { return type_of(flow); }>},
    Field{FieldId::pkt_srcaddr, "pkt-srcaddr", 3, kString, "source address in the packet's header",
          true, flow<&Flow::pkt_srcaddr>},
    Field{FieldId::pkt_dstaddr, "pkt-dstaddr", 3, kString,
          "destination address in the packet's header", true, flow<&Flow::pkt_dstaddr>},
    Field{FieldId::region, "region", 4, kString, "region of the interface", true,
          interface<&Interface::region>},
    Field{FieldId::az_id, "az-id", 4, kString, "Availability Zone ID of the interface", true,
          interface<&Interface::az_id>},
    Field{FieldId::sublocation_type, "sublocation-type", 4, kString,
          "wavelength, outpost or localzone", true, interface<&Interface::sublocation_type>},
    Field{FieldId::sublocation_id, "sublocation-id", 4, kString, "ID of the sublocation", true,
          interface<&Interface::sublocation_id>},
    Field{FieldId::pkt_src_aws_service, "pkt-src-aws-service", 5, kString,
          "AWS service that pkt-srcaddr belongs to", true, flow<&Flow::pkt_src_aws_service>},
    Field{FieldId::pkt_dst_aws_service, "pkt-dst-aws-service", 5, kString,
          "AWS service that pkt-dstaddr belongs to", true, flow<&Flow::pkt_dst_aws_service>},
    Field{
        FieldId::flow_direction, "flow-direction", 5, kString,
        "ingress or egress, seen from the interface", true, of_flow<[](const Flow& flow) -> Value {
          return std::string_view(flow.direction == FlowDirection::ingress ? "ingress" : "egress");
        }>},
    Field{FieldId::traffic_path, "traffic-path", 5, kInt32,
          "way out: 1 same VPC, 8 internet gateway; egress only", true,
          of_flow<[](const Flow& flow) -> Value {
            return flow.traffic_path == 0 ? Value{} : number(flow.traffic_path);
          }>},
    Field{FieldId::ecs_cluster_arn, "ecs-cluster-arn", 7, kString, "ARN of the ECS cluster", false,
          unknown},
    Field{FieldId::ecs_cluster_name, "ecs-cluster-name", 7, kString, "name of the ECS cluster",
          false, unknown},
    Field{FieldId::ecs_container_instance_arn, "ecs-container-instance-arn", 7, kString,
          "ARN of the ECS container instance", false, unknown},
    Field{FieldId::ecs_container_instance_id, "ecs-container-instance-id", 7, kString,
          "ID of the ECS container instance", false, unknown},
    Field{FieldId::ecs_container_id, "ecs-container-id", 7, kString,
          "runtime ID of the first container", false, unknown},
    Field{FieldId::ecs_second_container_id, "ecs-second-container-id", 7, kString,
          "runtime ID of the second container", false, unknown},
    Field{FieldId::ecs_service_name, "ecs-service-name", 7, kString, "name of the ECS service",
          false, unknown},
    Field{FieldId::ecs_task_definition_arn, "ecs-task-definition-arn", 7, kString,
          "ARN of the ECS task definition", false, unknown},
    Field{FieldId::ecs_task_arn, "ecs-task-arn", 7, kString, "ARN of the ECS task", false, unknown},
    Field{FieldId::ecs_task_id, "ecs-task-id", 7, kString, "ID of the ECS task", false, unknown},
    Field{FieldId::reject_reason, "reject-reason", 8, kString,
          "BPA or EC: refused by block public access or encryption controls", false, unknown},
    Field{FieldId::resource_id, "resource-id", 9, kString, "regional NAT gateway", false, unknown},
    Field{FieldId::encryption_status, "encryption-status", 10, kInt32,
          "0 not encrypted, 1 by Nitro, 2 by the application, 3 by both", false, unknown},
    Field{FieldId::instance_tag, "instance-tag", 11, kString, "value of the first instance tag",
          false, unknown},
    Field{FieldId::instance_tag_2, "instance-tag-2", 11, kString,
          "value of the second instance tag", false, unknown},
    Field{FieldId::interface_tag, "interface-tag", 11, kString, "value of the first interface tag",
          false, unknown},
    Field{FieldId::interface_tag_2, "interface-tag-2", 11, kString,
          "value of the second interface tag", false, unknown},
    Field{FieldId::asg_tag, "asg-tag", 11, kString, "value of the first Auto Scaling group tag",
          false, unknown},
    Field{FieldId::asg_tag_2, "asg-tag-2", 11, kString,
          "value of the second Auto Scaling group tag", false, unknown},
    Field{FieldId::interface_type, "interface-type", 11, kString,
          "kind of an interface that a service runs", false, unknown},
    Field{FieldId::next_hop_interface_id, "next-hop-interface-id", 11, kString,
          "interface at the other end of the hop", false, unknown},
    Field{FieldId::next_hop_subnet_id, "next-hop-subnet-id", 11, kString, "its subnet", false,
          unknown},
    Field{FieldId::next_hop_az_id, "next-hop-az-id", 11, kString, "its Availability Zone ID", false,
          unknown},
    Field{FieldId::next_hop_vpc_id, "next-hop-vpc-id", 11, kString, "its VPC", false, unknown},
    Field{FieldId::next_hop_interface_type, "next-hop-interface-type", 11, kString, "its kind",
          false, unknown},
    Field{FieldId::weir_reject_cause, "weir-reject-cause", 0, kString,
          "SECURITY_GROUP, NETWORK_ACL or CONNECTION_CLOSED", true,
          of_flow<[](const Flow& flow) { return name_of(flow.reject_cause); }>},
    Field{FieldId::weir_network_acl_rule, "weir-network-acl-rule", 0, kString,
          "network ACL rule that decided: acl-…:ingress:100", true, flow<&Flow::network_acl_rule>},
    Field{FieldId::weir_security_group_rule, "weir-security-group-rule", 0, kString,
          "security group rule that decided: sg-…:ingress:sgr-…, or tracked", true,
          flow<&Flow::security_group_rule>},
};

}  // namespace

std::span<const Field> catalogue() {
  return kCatalogue;
}

const Field* find_field(std::string_view name) {
  auto found = std::find_if(kCatalogue.begin(), kCatalogue.end(),
                            [&](const Field& field) { return field.name == name; });
  return found == kCatalogue.end() ? nullptr : &*found;
}

}  // namespace weir::record
