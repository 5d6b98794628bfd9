#include "telemetry/status_json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/time.h"
#include "vpc/network.h"

namespace weir::telemetry {
namespace {

using Json = nlohmann::ordered_json;

std::string moment(base::UnixMicros time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", base::in_utc(base::second_of(time)));
}

Json json_of(const service::Traffic& traffic) {
  return {{"Packets", traffic.packets}, {"Bytes", traffic.bytes}};
}

Json json_of(const service::PointFigures& point) {
  return {
      {"PacketsSeen", point.seen},
      {"Accepted", json_of(point.accepted)},
      {"Rejected", json_of(point.rejected)},
      {"Skipped", {{"Accepted", point.overflow_accepted}, {"Rejected", point.overflow_rejected}}},
      {"NotLogged", point.not_logged + point.overflow_not_logged},
      {"NotIp", point.not_ip},
      {"Truncated", point.truncated},
      {"Malformed", point.malformed},
      {"NotJudged", point.not_judged},
      {"Mismatch", point.mismatch},
      {"ConnectionsNotTracked", point.not_tracked},
      {"ClosedConnectionsForgotten", point.forgotten_closed}};
}

Json json_of(const service::InterfaceReport& interface) {
  Json out;
  out["NetworkInterfaceId"] = interface.id;
  out["Name"] = interface.name;
  out["Device"] = interface.device.name;
  out["NetworkNamespace"] = interface.device.network_namespace;
  out["Mode"] = interface.mode == live::Mode::enforce ? "enforce" : "observe";
  out["Attachment"] = !interface.attachment                               ? "absent"
                      : *interface.attachment == live::Attachment::clsact ? "clsact"
                                                                          : "tcx";
  out["Complaint"] = interface.complaint;
  for (const auto direction : {vpc::Direction::ingress, vpc::Direction::egress}) {
    const char* name = direction == vpc::Direction::ingress ? "Ingress" : "Egress";
    out[name] = json_of(interface.directions[static_cast<std::size_t>(direction)]);
  }
  return out;
}

Json json_of(const service::DeliveryAccount& account) {
  Json out;
  out["Waiting"] = account.spool.waiting;
  out["WaitingBytes"] = account.spool.waiting_bytes;
  if (account.spool.waiting_since) out["WaitingSince"] = moment(*account.spool.waiting_since);
  out["GivenUp"] = account.spool.given_up;
  out["Delivered"] = account.delivery.delivered;
  out["RefusedRecords"] = account.delivery.refused;
  out["Failures"] = account.delivery.failures;
  if (account.delivery.last_error) out["LastError"] = to_string(*account.delivery.last_error);
  return out;
}

Json json_of(const service::FlowLogReport& flow_log) {
  Json out;
  out["FlowLogId"] = flow_log.id;
  out["FlowLogStatus"] = flow_log.has_ended ? "ENDED" : "ACTIVE";
  out["LogDestination"] = flow_log.destination;
  out["DeliverLogsStatus"] = flow_log.complaint.empty() ? "SUCCESS" : "FAILED";
  if (!flow_log.complaint.empty()) out["DeliverLogsErrorMessage"] = flow_log.complaint;
  out["Records"] = flow_log.records;
  out["LostRecords"] = flow_log.lost_records;
  out["Objects"] = flow_log.objects;
  if (flow_log.last_object) {
    const service::ObjectReport& object = *flow_log.last_object;
    out["LastObject"] = {{"Key", object.key},
                         {"Records", object.records},
                         {"Bytes", object.bytes},
                         {"Published", moment(object.published)}};
  }
  if (flow_log.delivery) out["Delivery"] = json_of(*flow_log.delivery);
  return out;
}

}  // namespace

std::string status_json(const service::Report& report) {
  Json out;
  out["Started"] = moment(report.started);
  const service::DrainFigures& drains = report.drains;
  out["Drains"] = {{"Count", drains.count()},
                   {"Last", drains.at ? Json(moment(*drains.at)) : Json()},
                   {"LastSeconds", std::chrono::duration<double>(drains.last).count()},
                   {"Flows", drains.flows},
                   {"FlowCapacity", report.room.flows},
                   {"Ipv6Flows", drains.ipv6_flows},
                   {"Ipv6FlowCapacity", report.room.ipv6_flows},
                   {"Connections", report.connections ? Json(*report.connections) : Json()},
                   {"ConnectionCapacity", report.room.connections}};
  out["NetworkInterfaces"] = Json::array();
  for (const auto& interface : report.interfaces) {
    out["NetworkInterfaces"].push_back(json_of(interface));
  }
  out["FlowLogs"] = Json::array();
  for (const auto& flow_log : report.flow_logs) out["FlowLogs"].push_back(json_of(flow_log));
  // In ASCII, so that no control character gets through as itself.
  return out.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace weir::telemetry
