#include "service/flow_stream.h"

#include <utility>

#include "record/text.h"

namespace weir::service {
namespace {

recorder::Settings settings_for() {
  recorder::Settings settings;
  settings.flow_log.max_aggregation_interval = std::chrono::seconds(60);
  settings.flow_log.log_format = *record::LogFormat::parse(
      "${start} ${end} ${interface-id} ${flow-direction} ${action} ${srcaddr} ${srcport} "
      "${dstaddr} ${dstport} ${protocol} ${packets} ${bytes} ${tcp-flags} ${pkt-srcaddr} "
      "${pkt-dstaddr} ${log-status} ${weir-reject-cause} ${weir-network-acl-rule} "
      "${weir-security-group-rule}");
  return settings;
}

}  // namespace

std::string FlowStream::header() {
  return record::header_line(settings_for().flow_log.log_format);
}

FlowStream::FlowStream(const Plan& plan)
    : settings_(settings_for()),
      recorder_(plan.network, plan.policy, plan.services, settings_, *this) {}

// The only errors of the recorder are its sink's, which has none.

void FlowStream::add(const live::DrainedFlow& flow, vpc::InterfaceIndex interface) {
  std::uint64_t& shown = flow.counters.accept != 0 ? accepted_ : rejected_;
  if (shown == kMostFlows) {
    ++lines_.left_out;
    return;
  }
  ++shown;
  static_cast<void>(recorder_.add(flow, interface));
}

void FlowStream::skipped(vpc::InterfaceIndex interface, base::UnixMicros now) {
  static_cast<void>(recorder_.skipped(interface, now));
}

FlowLines FlowStream::take(base::UnixMicros now) {
  static_cast<void>(recorder_.pass(now));
  static_cast<void>(recorder_.hand_over());
  accepted_ = rejected_ = 0;
  return std::exchange(lines_, {});
}

base::Expected<void> FlowStream::add(const record::Record& record) {
  if (record.log_status == record::LogStatus::nodata) return {};
  record::append_line(lines_.text, record, settings_.flow_log.log_format);
  lines_.text += '\n';
  return {};
}

}  // namespace weir::service
