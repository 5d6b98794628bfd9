// The catalogue of fields: one table that the text writer, the Parquet writer, `weir fields` and
// the documentation all read. A field is added here and nowhere else.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "base/address.h"
#include "record/record.h"

namespace weir::record {

/// In the catalogue's order.
enum class FieldId : std::uint8_t {
  version,
  account_id,
  interface_id,
  srcaddr,
  dstaddr,
  srcport,
  dstport,
  protocol,
  packets,
  bytes,
  start,
  end,
  action,
  log_status,
  vpc_id,
  subnet_id,
  instance_id,
  tcp_flags,
  type,
  pkt_srcaddr,
  pkt_dstaddr,
  region,
  az_id,
  sublocation_type,
  sublocation_id,
  pkt_src_aws_service,
  pkt_dst_aws_service,
  flow_direction,
  traffic_path,
  ecs_cluster_arn,
  ecs_cluster_name,
  ecs_container_instance_arn,
  ecs_container_instance_id,
  ecs_container_id,
  ecs_second_container_id,
  ecs_service_name,
  ecs_task_definition_arn,
  ecs_task_arn,
  ecs_task_id,
  reject_reason,
  resource_id,
  encryption_status,
  instance_tag,
  instance_tag_2,
  interface_tag,
  interface_tag_2,
  asg_tag,
  asg_tag_2,
  interface_type,
  next_hop_interface_id,
  next_hop_subnet_id,
  next_hop_az_id,
  next_hop_vpc_id,
  next_hop_interface_type,
  weir_reject_cause,
  weir_network_acl_rule,
  weir_security_group_rule,
};

enum class ParquetType : std::uint8_t { int32, int64, string };

/// A field's value in one record: nothing (`-`, NULL), a number, text, or an address.
using Value = std::variant<std::monostate, std::int64_t, std::string_view, base::Address>;

struct Field {
  FieldId id;
  std::string_view name;  ///< "log-status"
  int version;            ///< AWS's version that brought it; 0 for weir's own
  ParquetType type;
  std::string_view meaning;       ///< one line a newcomer understands
  bool is_computed;               ///< false: known to AWS, always `-` here
  Value (*value)(const Record&);  ///< `version` itself is the format's, not the record's
};

std::span<const Field> catalogue();
const Field* find_field(std::string_view name);

}  // namespace weir::record
