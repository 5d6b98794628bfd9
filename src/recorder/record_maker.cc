#include "recorder/record_maker.h"

#include <algorithm>
#include <array>

namespace weir::recorder {
namespace {

using record::FieldId;

constexpr std::uint8_t kSameVpc = 1;
constexpr std::uint8_t kInternetGateway = 8;

record::RejectCause cause_of(std::uint8_t cause) {
  switch (cause) {
    case WEIR_CAUSE_SECURITY_GROUP:
      return record::RejectCause::security_group;
    case WEIR_CAUSE_NETWORK_ACL:
      return record::RejectCause::network_acl;
    case WEIR_CAUSE_CONNECTION_CLOSED:
      return record::RejectCause::connection_closed;
    default:
      return record::RejectCause::none;
  }
}

/// Addresses that an internet gateway may carry: not private, shared, local, reserved or multicast.
bool is_public(const base::Address& address) {
  static const std::array kNotPublic = {
      *base::Prefix::parse("0.0.0.0/8"),      *base::Prefix::parse("10.0.0.0/8"),
      *base::Prefix::parse("100.64.0.0/10"),  *base::Prefix::parse("127.0.0.0/8"),
      *base::Prefix::parse("169.254.0.0/16"), *base::Prefix::parse("172.16.0.0/12"),
      *base::Prefix::parse("192.168.0.0/16"), *base::Prefix::parse("224.0.0.0/3"),
  };
  static const base::Prefix kGlobalUnicast = *base::Prefix::parse("2000::/3");
  if (address.family() == base::Family::ipv6) return kGlobalUnicast.contains(address);
  return std::none_of(kNotPublic.begin(), kNotPublic.end(),
                      [&](const base::Prefix& prefix) { return prefix.contains(address); });
}

}  // namespace

RecordMaker::RecordMaker(const vpc::Network& network, const policy::Policy& policy,
                         const AwsServices& services, const Settings& settings, RecordSink& sink)
    : network_(network),
      policy_(policy),
      services_(services),
      settings_(settings),
      sink_(sink),
      splits_by_cause_(settings.flow_log.log_format.has(FieldId::weir_reject_cause)),
      splits_by_acl_rule_(settings.flow_log.log_format.has(FieldId::weir_network_acl_rule)),
      splits_by_group_rule_(settings.flow_log.log_format.has(FieldId::weir_security_group_rule)),
      wants_services_(settings.flow_log.log_format.has(FieldId::pkt_src_aws_service) ||
                      settings.flow_log.log_format.has(FieldId::pkt_dst_aws_service)),
      described_(network.interfaces.size()) {
  for (std::size_t i = 0; i < described_.size(); ++i) {
    describe(network.interfaces[i], described_[i]);
  }
}

void RecordMaker::describe(const vpc::NetworkInterface& interface, Described& out) const {
  const vpc::Subnet& subnet = network_[interface.subnet];
  const std::string& zone = subnet.availability_zone;
  out.region = vpc::region_of(zone);
  // "us-west-2-lax-1a" is a Local Zone, "us-east-1-wl1-bos-wlz-1" a Wavelength Zone of its region.
  if (!subnet.outpost_arn.empty()) {
    out.sublocation_type = "outpost";
    out.sublocation_id = subnet.outpost_arn.substr(subnet.outpost_arn.rfind('/') + 1);
  } else if (!out.region.empty() && zone.size() > out.region.size() + 1) {
    out.sublocation_type =
        zone.find("-wl", out.region.size()) != std::string::npos ? "wavelength" : "localzone";
    out.sublocation_id = subnet.availability_zone_id;
  }
  if (out.region.empty()) out.region = settings_.flow_log.region;
  out.metadata.account_id = interface.owner_id;
  out.metadata.interface_id = interface.id;
  out.metadata.vpc_id = network_[interface.vpc].id;
  out.metadata.subnet_id = subnet.id;
  out.metadata.instance_id = interface.instance_id;
  out.metadata.region = out.region;
  if (out.sublocation_type.empty()) out.metadata.az_id = subnet.availability_zone_id;
  out.metadata.sublocation_type = out.sublocation_type;
  out.metadata.sublocation_id = out.sublocation_id;
}

base::Expected<void> RecordMaker::flows(const flow::Window& window) {
  base::Expected<void> result;
  window.table.for_each([&](const flow::FlowKey& key, std::span<const flow::Counters> verdicts) {
    if (!result || !is_subscribed(key.interface)) return;
    merge(verdicts);
    for (const flow::Counters& counters : merged_) {
      if (!is_wanted(counters)) continue;
      result = sink_.add(make(window, key, counters));
      if (!result) return;
      ++records_;
    }
  });
  return result;
}

base::Expected<void> RecordMaker::skipped(vpc::InterfaceIndex interface, base::UnixSeconds start) {
  return add_without_flow(interface, start, record::LogStatus::skipdata);
}

base::Expected<void> RecordMaker::silence(vpc::InterfaceIndex interface, base::UnixSeconds start) {
  return add_without_flow(interface, start, record::LogStatus::nodata);
}

bool RecordMaker::is_subscribed(std::size_t interface) const {
  if (!settings_.subscribed.empty()) return settings_.subscribed[interface];
  return !settings_.interface || static_cast<std::size_t>(*settings_.interface) == interface;
}

base::Expected<void> RecordMaker::add_without_flow(vpc::InterfaceIndex interface,
                                                   base::UnixSeconds start,
                                                   record::LogStatus status) {
  if (!is_subscribed(static_cast<std::size_t>(interface))) return {};
  record::Record record;
  record.interface = &described_[static_cast<std::size_t>(interface)].metadata;
  record.start = start;
  record.end = start + settings_.flow_log.max_aggregation_interval - std::chrono::seconds(1);
  record.log_status = status;
  ++records_;
  return sink_.add(record);
}

base::Expected<void> RecordMaker::completed(base::UnixSeconds time) {
  return sink_.completed(time);
}

void RecordMaker::merge(std::span<const flow::Counters> verdicts) {
  merged_.clear();
  for (const flow::Counters& counters : verdicts) {
    auto same = std::find_if(merged_.begin(), merged_.end(), [&](const flow::Counters& other) {
      return is_one_record(counters, other);
    });
    if (same == merged_.end()) {
      merged_.push_back(counters);
    } else {
      same->add(counters);
    }
  }
}

/// A record is one action, and one value of each chosen field.
bool RecordMaker::is_one_record(const flow::Counters& a, const flow::Counters& b) const {
  return a.accept == b.accept && (!splits_by_cause_ || a.cause == b.cause) &&
         (!splits_by_acl_rule_ || a.acl_rule == b.acl_rule) &&
         (!splits_by_group_rule_ || a.group_rule == b.group_rule);
}

bool RecordMaker::is_wanted(const flow::Counters& counters) const {
  switch (settings_.flow_log.traffic_type) {
    case deliver::TrafficType::accept:
      return counters.accept != 0;
    case deliver::TrafficType::reject:
      return counters.accept == 0;
    default:
      return true;
  }
}

record::Record RecordMaker::make(const flow::Window& window, const flow::FlowKey& key,
                                 const flow::Counters& counters) const {
  const vpc::NetworkInterface& interface = network_.interfaces[key.interface];
  const bool is_egress = key.direction == WEIR_EGRESS;
  record::Record record;
  record.interface = &described_[key.interface].metadata;
  record.start = window.start + std::chrono::seconds(counters.first);
  record.end = window.start + std::chrono::seconds(counters.last);
  record::Flow& flow = record.flow;
  flow.srcaddr = flow.pkt_srcaddr = key.src;
  flow.dstaddr = flow.pkt_dstaddr = key.dst;
  if (key.own != base::Address{}) (is_egress ? flow.pkt_srcaddr : flow.pkt_dstaddr) = key.own;
  flow.srcport = key.srcport;
  flow.dstport = key.dstport;
  flow.protocol = key.protocol;
  flow.tcp_flags = (counters.tcp_flags & WEIR_TCP_FLAGS_UNKNOWN) != 0
                       ? record::Flow::kTcpFlagsUnknown
                       : counters.tcp_flags;
  flow.direction = is_egress ? record::FlowDirection::egress : record::FlowDirection::ingress;
  flow.action = counters.accept != 0 ? record::Action::accept : record::Action::reject;
  if (is_egress) flow.traffic_path = traffic_path(network_[interface.vpc], key.dst);
  flow.reject_cause = cause_of(counters.cause);
  flow.packets = counters.packets;
  flow.bytes = counters.bytes;
  if (wants_services_) {
    flow.pkt_src_aws_service = services_.find(flow.pkt_srcaddr);
    flow.pkt_dst_aws_service = services_.find(flow.pkt_dstaddr);
  }
  flow.network_acl_rule = policy_.rule_name(counters.acl_rule);
  flow.security_group_rule = policy_.rule_name(counters.group_rule);
  return record;
}

/// A description has no routes, so only two paths are known: to the same VPC, and to the internet.
std::uint8_t RecordMaker::traffic_path(const vpc::Vpc& vpc, const base::Address& dst) const {
  const bool is_local = std::any_of(vpc.cidrs.begin(), vpc.cidrs.end(),
                                    [&](const base::Prefix& block) { return block.contains(dst); });
  if (is_local) return kSameVpc;
  return is_public(dst) ? kInternetGateway : 0;
}

}  // namespace weir::recorder
