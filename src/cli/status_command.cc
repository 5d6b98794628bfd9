#include <fmt/format.h>

#include <array>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "base/table.h"
#include "cli/options.h"
#include "cli/service_source.h"

namespace weir::cli {
namespace {

using nlohmann::json;

struct Asked {
  ServiceSource source;
  std::string form = "table";
};

std::string text(const json& value) {
  if (!value.is_string()) return value.dump();
  const std::string plain = base::printable(value.get<std::string>());
  return plain.empty() ? "-" : plain;
}

using Number = std::uint64_t;

Number number(const json& object, const char* pointer) {
  return object.at(json::json_pointer(pointer)).get<Number>();
}

/// What flow logs never record, and what could not be read or judged.
Number not_recorded(const json& direction) {
  Number sum = 0;
  for (const char* reason : {"/NotLogged", "/NotIp", "/Truncated", "/Malformed", "/NotJudged"}) {
    sum += number(direction, reason);
  }
  return sum;
}

Number both(const json& interface, const char* pointer) {
  return number(interface.at("Ingress"), pointer) + number(interface.at("Egress"), pointer);
}

base::Table interfaces_of(const json& status) {
  base::Table table;
  table.columns = {{"interface"},       {"name"},
                   {"device"},          {"mode"},
                   {"attached"},        {"packets_in", true},
                   {"bytes_in", true},  {"packets_out", true},
                   {"bytes_out", true}, {"rejected", true},
                   {"skipped", true},   {"not_recorded", true},
                   {"mismatch", true}};
  for (const json& interface : status.at("NetworkInterfaces")) {
    const std::string netns = interface.at("NetworkNamespace");
    const json& in = interface.at("Ingress");
    const json& out = interface.at("Egress");
    const auto bytes = [](const json& direction) {
      return number(direction, "/Accepted/Bytes") + number(direction, "/Rejected/Bytes");
    };
    const std::array numbers = {
        number(in, "/PacketsSeen"),
        bytes(in),
        number(out, "/PacketsSeen"),
        bytes(out),
        both(interface, "/Rejected/Packets") + both(interface, "/Skipped/Rejected"),
        both(interface, "/Skipped/Accepted") + both(interface, "/Skipped/Rejected"),
        not_recorded(in) + not_recorded(out)};
    std::vector<std::string> row = {
        text(interface.at("NetworkInterfaceId")), text(interface.at("Name")),
        text(interface.at("Device")) + (netns.empty() ? "" : " in " + base::printable(netns)),
        text(interface.at("Mode")), text(interface.at("Attachment"))};
    for (const Number value : numbers) row.push_back(std::to_string(value));
    row.push_back(std::to_string(in.at("Mismatch").get<std::int64_t>() +
                                 out.at("Mismatch").get<std::int64_t>()));
    table.rows.push_back(std::move(row));
  }
  return table;
}

base::Table flow_logs_of(const json& status) {
  base::Table table;
  table.columns = {{"flow_log"},      {"delivery"},    {"records", true}, {"lost", true},
                   {"objects", true}, {"last_object"}, {"waiting", true}, {"waiting_bytes", true},
                   {"waiting_since"}, {"destination"}};
  for (const json& flow_log : status.at("FlowLogs")) {
    const bool has_ended = flow_log.at("FlowLogStatus") == "ENDED";
    std::string delivery = (has_ended ? "ended, " : "") + text(flow_log.at("DeliverLogsStatus"));
    if (flow_log.contains("DeliverLogsErrorMessage")) {
      delivery += ": " + text(flow_log.at("DeliverLogsErrorMessage"));
    }
    const bool has_object = flow_log.contains("LastObject");
    const json delivery_account = flow_log.value("Delivery", json::object());
    const auto waiting = [&](const char* figure) {
      return delivery_account.contains(figure) ? text(delivery_account.at(figure)) : "-";
    };
    table.rows.push_back(
        {text(flow_log.at("FlowLogId")), std::move(delivery), text(flow_log.at("Records")),
         text(flow_log.at("LostRecords")), text(flow_log.at("Objects")),
         has_object ? text(flow_log.at("LastObject").at("Published")) : "-", waiting("Waiting"),
         waiting("WaitingBytes"), waiting("WaitingSince"), text(flow_log.at("LogDestination"))});
  }
  return table;
}

/// Of flow logs whose attempts to deliver have failed, now or earlier, and of records refused.
void print_failures(const json& status) {
  for (const json& flow_log : status.at("FlowLogs")) {
    const json account = flow_log.value("Delivery", json::object());
    if (const Number refused = account.value("RefusedRecords", Number{0}); refused != 0) {
      std::cout << fmt::format(
          "{}: {} records are lost: {} refuses them for ever, as too old, too new or too large\n",
          text(flow_log.at("FlowLogId")), refused, text(flow_log.at("LogDestination")));
    }
    if (!account.contains("LastError")) continue;
    std::cout << fmt::format("{}: {} attempts to deliver to {} have failed, the last one with {}\n",
                             text(flow_log.at("FlowLogId")), number(account, "/Failures"),
                             text(flow_log.at("LogDestination")), text(account.at("LastError")));
  }
}

void print_words(const json& status) {
  const json& drains = status.at("Drains");
  const std::string last =
      drains.at("Last").is_null()
          ? "not drained yet"
          : fmt::format("last drained {} in {:.1f} ms", text(drains.at("Last")),
                        drains.at("LastSeconds").get<double>() * 1000);
  const json& connections = drains.at("Connections");
  std::cout << fmt::format(
      "recording since {}; {}: {} flows of IPv4 (room for {}), {} of IPv6 (room for {}){}\n\n",
      text(status.at("Started")), last, number(drains, "/Flows"), number(drains, "/FlowCapacity"),
      number(drains, "/Ipv6Flows"), number(drains, "/Ipv6FlowCapacity"),
      connections.is_null() ? ""
                            : fmt::format(", {} connections (room for {})", connections.dump(),
                                          number(drains, "/ConnectionCapacity")));
  base::print(std::cout, interfaces_of(status), base::OutputForm::table);
  for (const json& interface : status.at("NetworkInterfaces")) {
    if (interface.at("Complaint").get<std::string>().empty()) continue;
    std::cout << text(interface.at("NetworkInterfaceId"))
              << (interface.at("Attachment") == "absent" ? " is not recorded: " : ": ")
              << text(interface.at("Complaint")) << '\n';
  }
  std::cout << '\n';
  base::print(std::cout, flow_logs_of(status), base::OutputForm::table);
  print_failures(status);
}

int run(const Asked& asked) {
  const auto place = place_of(asked.source);
  if (!place) return failed(place.error());
  auto client = http::Client::open(place->socket);
  if (!client) return failed(client.error());
  const auto answer = client->get("/status");
  if (!answer) return failed(answer.error());
  try {
    const json status = json::parse(*answer);
    if (asked.form == "json") {
      std::cout << *answer;
    } else if (asked.form == "csv") {
      base::print(std::cout, interfaces_of(status), base::OutputForm::csv);
    } else {
      print_words(status);
    }
  } catch (const json::exception& error) {
    return failed({"/status", std::string("cannot be understood: ") + error.what(),
                   "is the running weir up of the same version?"});
  }
  return kDone;
}

}  // namespace

void add_status_command(Command& weir, int& exit_code) {
  auto* command = weir.add_subcommand("status", "What a running weir up records, and delivers");
  auto asked = std::make_shared<Asked>();
  add_service_options(*command, asked->source);
  add_output_option(*command, asked->form);
  command->callback([asked, &exit_code] { exit_code = run(*asked); });
}

}  // namespace weir::cli
