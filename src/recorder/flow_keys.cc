#include "recorder/flow_keys.h"

namespace weir::recorder {

using record::FieldId;

FlowKeys::FlowKeys(const vpc::Network& network, const AwsServices& services,
                   const record::LogFormat& format)
    : services_(services) {
  for (const vpc::NetworkInterface& described : network.interfaces) {
    PrimaryAddresses& primary = primaries_.emplace_back();
    if (!described.ipv4.empty()) primary[WEIR_IPV4] = described.ipv4.front();
    if (!described.ipv6.empty()) primary[WEIR_IPV6] = described.ipv6.front();
  }
  keeps_own_address_[WEIR_EGRESS] = format.has(FieldId::pkt_srcaddr);
  keeps_own_address_[WEIR_INGRESS] = format.has(FieldId::pkt_dstaddr);
  keeps_own_service_[WEIR_EGRESS] = format.has(FieldId::pkt_src_aws_service);
  keeps_own_service_[WEIR_INGRESS] = format.has(FieldId::pkt_dst_aws_service);
}

void FlowKeys::show(flow::FlowKey& key) const {
  base::Address& own = key.direction == WEIR_EGRESS ? key.src : key.dst;
  key.own = {};
  // facts/flow-logs.md §1.2, fields 4 and 5: the primary address, whatever the packet had.
  const auto family = own.family() == base::Family::ipv4 ? WEIR_IPV4 : WEIR_IPV6;
  const base::Address& shown = primaries_[key.interface][family];
  if (shown == own || shown == base::Address{}) return;
  if (keeps_own_address_[key.direction] ||
      (keeps_own_service_[key.direction] && !services_.find(own).empty())) {
    key.own = own;
  }
  own = shown;
}

}  // namespace weir::recorder
