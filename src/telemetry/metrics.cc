#include "telemetry/metrics.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "vpc/network.h"

namespace weir::telemetry {
namespace {

using service::PointFigures;
using service::Report;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string label(std::string_view name, std::string_view value) {
  return fmt::format("{}=\"{}\"", name, escaped(value));
}

class Exposition {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(text_), "# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
  }
  template <typename Value>
  void sample(std::string_view labels, Value value, std::string_view suffix = "") {
    const bool has_labels = !labels.empty();
    fmt::format_to(std::back_inserter(text_), "{}{}{}{}{} {}\n", name_, suffix,
                   has_labels ? "{" : "", labels, has_labels ? "}" : "", value);
  }
  [[nodiscard]] std::string text() && { return std::move(text_); }

 private:
  std::string text_;
  std::string_view name_;
};

/// `visit(labels, figures)` for both directions of each interface.
template <typename Visit>
void for_each_point(const Report& report, Visit visit) {
  for (const service::InterfaceReport& interface : report.interfaces) {
    for (const auto direction : {vpc::Direction::ingress, vpc::Direction::egress}) {
      visit(label("network_interface_id", interface.id) + "," +
                label("direction", to_string(direction)),
            interface.directions[static_cast<std::size_t>(direction)]);
    }
  }
}

template <typename Value>
void add_points(const Report& report, Exposition& out, Value value) {
  for_each_point(report, [&](const std::string& labels, const PointFigures& point) {
    out.sample(labels, value(point));
  });
}

void add_packets(const Report& report, Exposition& out) {
  out.family("weir_packets_total", "counter", "Packets seen, as they are on the wire.");
  add_points(report, out, [](const PointFigures& point) { return point.seen; });
  out.family("weir_packets_rejected_total", "counter", "Packets that the rules refuse.");
  add_points(report, out, [](const PointFigures& point) { return point.rejected_packets(); });
  out.family("weir_packets_recorded_total", "counter", "Packets in flow-log records.");
  for_each_point(report, [&](const std::string& labels, const PointFigures& point) {
    out.sample(labels + R"(,action="ACCEPT")", point.accepted.packets);
    out.sample(labels + R"(,action="REJECT")", point.rejected.packets);
  });
  out.family("weir_bytes_recorded_total", "counter", "Layer-3 bytes in flow-log records.");
  for_each_point(report, [&](const std::string& labels, const PointFigures& point) {
    out.sample(labels + R"(,action="ACCEPT")", point.accepted.bytes);
    out.sample(labels + R"(,action="REJECT")", point.rejected.bytes);
  });
  out.family("weir_packets_overflow_total", "counter",
             "Packets that found no room in the flow table; SKIPDATA stands for them.");
  add_points(report, out, [](const PointFigures& point) { return point.skipped(); });
  out.family("weir_packets_exceptions_total", "counter", "Packets that flow logs do not record.");
  for_each_point(report, [&](const std::string& labels, const PointFigures& point) {
    out.sample(labels + R"(,reason="not_ip")", point.not_ip);
    out.sample(labels + R"(,reason="not_logged")", point.not_logged + point.overflow_not_logged);
    out.sample(labels + R"(,reason="truncated")", point.truncated);
    out.sample(labels + R"(,reason="malformed")", point.malformed);
    out.sample(labels + R"(,reason="not_judged")", point.not_judged);
  });
  out.family(
      "weir_packets_mismatch_total", "counter",
      "Packets by which the accounts of drains were wrong; anything but 0 is a defect of weir.");
  add_points(report, out, [](const PointFigures& point) { return point.mismatch; });
}

void add_interfaces(const Report& report, Exposition& out) {
  out.family("weir_interface_attached", "gauge", "1 if the interface is being recorded.");
  for (const service::InterfaceReport& interface : report.interfaces) {
    out.sample(label("network_interface_id", interface.id), interface.attachment ? 1 : 0);
  }
  out.family("weir_connections_untracked_total", "counter",
             "Connections that found no place in the tracking table.");
  add_points(report, out, [](const PointFigures& point) { return point.not_tracked; });
  out.family("weir_connections_forgotten_total", "counter",
             "Closed connections that gave up their place in the tracking table early.");
  add_points(report, out, [](const PointFigures& point) { return point.forgotten_closed; });
}

void add_drains(const Report& report, Exposition& out) {
  const service::DrainFigures& drains = report.drains;
  const live::Room& room = report.room;
  out.family("weir_drain_duration_seconds", "histogram",
             "Time to empty the kernel's flow tables and take over what they held.");
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < service::DrainFigures::kBounds.size(); ++i) {
    sum += drains.buckets[i];
    out.sample(label("le", fmt::format("{}", service::DrainFigures::kBounds[i])), sum, "_bucket");
  }
  out.sample(R"(le="+Inf")", drains.count(), "_bucket");
  out.sample("", drains.sum, "_sum");
  out.sample("", drains.count(), "_count");
  out.family("weir_flow_table_flows", "gauge", "Flows in the kernel's table at the last drain.");
  out.sample(R"(family="ipv4")", drains.flows);
  out.sample(R"(family="ipv6")", drains.ipv6_flows);
  out.family("weir_flow_table_capacity", "gauge",
             "Flows that the kernel's table holds, of all processors.");
  out.sample(R"(family="ipv4")", room.flows);
  out.sample(R"(family="ipv6")", room.ipv6_flows);
  out.family("weir_connection_table_capacity", "gauge", "Connections that can be tracked.");
  out.sample("", room.connections);
  if (!report.connections) return;
  out.family(
      "weir_connection_table_connections", "gauge",
      "Connections that are tracked or remembered, each 64th of the table as it was when it was "
      "looked at last: one with each drain.");
  out.sample("", *report.connections);
}

double seconds_of(base::UnixMicros time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// One that has ended may have the id of another, but not its destination.
std::string labels_of(const service::FlowLogReport& flow_log) {
  return label("flow_log_id", flow_log.id) + "," + label("log_destination", flow_log.destination);
}

void add_flow_logs(const Report& report, Exposition& out) {
  const auto of_each = [&](auto value) {
    for (const service::FlowLogReport& flow_log : report.flow_logs) {
      out.sample(labels_of(flow_log), value(flow_log));
    }
  };
  out.family("weir_records_total", "counter", "Records of a flow log, NODATA and SKIPDATA too.");
  of_each([](const auto& flow_log) { return flow_log.records; });
  out.family("weir_records_lost_total", "counter",
             "Records that could not be written, or that their spool gave up or found damaged; "
             "SKIPDATA stands for them.");
  of_each([](const auto& flow_log) { return flow_log.lost_records; });
  out.family("weir_delivery_failing", "gauge", "1 if a flow log cannot be delivered now.");
  of_each([](const auto& flow_log) { return flow_log.complaint.empty() ? 0 : 1; });
  out.family("weir_objects_total", "counter",
             "Objects or batches of events of a flow log, in its folder or sealed in its spool.");
  of_each([](const auto& flow_log) { return flow_log.objects; });
  out.family("weir_last_object_timestamp_seconds", "gauge",
             "When a flow log's last object was published, or sealed.");
  for (const service::FlowLogReport& flow_log : report.flow_logs) {
    if (!flow_log.last_object) continue;
    out.sample(labels_of(flow_log),
               fmt::format("{:.6f}", seconds_of(flow_log.last_object->published)));
  }
}

void add_deliveries(const Report& report, Exposition& out) {
  const auto of_each = [&](auto value) {
    for (const service::FlowLogReport& flow_log : report.flow_logs) {
      if (flow_log.delivery) out.sample(labels_of(flow_log), value(*flow_log.delivery));
    }
  };
  out.family("weir_spool_segments", "gauge", "Segments of a flow log that wait to be delivered.");
  of_each([](const auto& account) { return account.spool.waiting; });
  out.family("weir_spool_bytes", "gauge", "Bytes of the segments that wait.");
  of_each([](const auto& account) { return account.spool.waiting_bytes; });
  out.family("weir_spool_oldest_timestamp_seconds", "gauge",
             "When the earliest window begins of the segment that has waited longest.");
  for (const service::FlowLogReport& flow_log : report.flow_logs) {
    if (!flow_log.delivery || !flow_log.delivery->spool.waiting_since) continue;
    out.sample(labels_of(flow_log),
               flow_log.delivery->spool.waiting_since->time_since_epoch().count());
  }
  out.family("weir_segments_given_up_total", "counter",
             "Segments that the spool had no room for, or could not write.");
  of_each([](const auto& account) { return account.spool.given_up; });
  out.family("weir_segments_delivered_total", "counter", "Segments that their destination has.");
  of_each([](const auto& account) { return account.delivery.delivered; });
  out.family("weir_records_refused_total", "counter",
             "Records that the destination has refused for ever: too old, too new, too large.");
  of_each([](const auto& account) { return account.delivery.refused; });
  out.family("weir_delivery_failures_total", "counter", "Attempts to deliver that failed.");
  of_each([](const auto& account) { return account.delivery.failures; });
}

}  // namespace

std::string metrics(const Report& report) {
  Exposition out;
  add_packets(report, out);
  add_interfaces(report, out);
  add_drains(report, out);
  add_flow_logs(report, out);
  add_deliveries(report, out);
  out.family("weir_start_time_seconds", "gauge", "When the service began.");
  out.sample("", fmt::format("{:.6f}", seconds_of(report.started)));
  return std::move(out).text();
}

}  // namespace weir::telemetry
