#include "service/plan.h"

#include <algorithm>

#include "deliver/object_key.h"
#include "vpc/read.h"

namespace weir::service {
namespace {

/// The resource that an interface is in, or is.
const std::string& resource_of(ResourceType type, const vpc::Network& network,
                               const vpc::NetworkInterface& interface) {
  switch (type) {
    case ResourceType::vpc:
      return network[interface.vpc].id;
    case ResourceType::subnet:
      return network[interface.subnet].id;
    default:
      return interface.id;
  }
}

/// Which interfaces a flow log is of, by index: those of this host. Error: a resource has none.
base::Expected<std::vector<bool>> subscribed(const FlowLogConfig& config,
                                             const vpc::Network& network) {
  std::vector<bool> out(network.interfaces.size());
  for (const std::string& id : config.resource_ids) {
    bool has_interface = false;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const vpc::NetworkInterface& interface = network.interfaces[i];
      if (interface.device.empty()) continue;
      if (resource_of(config.resource_type, network, interface) != id) continue;
      out[i] = has_interface = true;
    }
    if (!has_interface) {
      return base::fail("resource-ids", id + " has no interface with a device",
                        "give the id of a described VPC, subnet or interface of the type that "
                        "resource-type says, and interfaces the tag weir:device");
    }
  }
  return out;
}

/// All interfaces of one flow log lie in one account and one region, as their objects' keys say.
base::Expected<recorder::Settings> settings_of(const FlowLogConfig& config,
                                               const vpc::Network& network) {
  recorder::Settings settings;
  auto interfaces = subscribed(config, network);
  if (!interfaces) return tl::unexpected(interfaces.error());
  settings.subscribed = std::move(*interfaces);
  settings.flow_log = config.settings;
  deliver::FlowLog& flow_log = settings.flow_log;
  const bool is_region_given = !flow_log.region.empty();
  for (std::size_t i = 0; i < settings.subscribed.size(); ++i) {
    if (!settings.subscribed[i]) continue;
    const vpc::NetworkInterface& interface = network.interfaces[i];
    const std::string region = vpc::region_of(network[interface.subnet].availability_zone);
    if (flow_log.account_id.empty()) flow_log.account_id = interface.owner_id;
    if (flow_log.region.empty()) flow_log.region = region;
    if (interface.owner_id != flow_log.account_id ||
        (!is_region_given && region != flow_log.region)) {
      return base::fail(interface.id, "lies in another account or region than the flow log",
                        "make a flow log for each, or give region");
    }
  }
  if (flow_log.region.empty()) {
    return base::fail("the flow log of " + config.resource_ids.front(), "has no region",
                      "give region, or AvailabilityZone in the description");
  }
  if (flow_log.id.empty()) {
    std::vector<std::string> parts = config.resource_ids;
    parts.insert(parts.end(), {flow_log.account_id, flow_log.region, config.log_destination,
                               flow_log.log_format.to_string()});
    flow_log.id = deliver::default_flow_log_id(parts);
  }
  if (auto checked = deliver::check(flow_log); !checked) return tl::unexpected(checked.error());
  return settings;
}

base::Expected<std::vector<Place>> places_of(const Config& config, const vpc::Network& network) {
  std::vector<Place> places;
  for (std::size_t i = 0; i < network.interfaces.size(); ++i) {
    const vpc::NetworkInterface& interface = network.interfaces[i];
    if (interface.device.empty()) continue;
    const auto mode = config.modes.find(interface.id);
    places.push_back({static_cast<vpc::InterfaceIndex>(i),
                      {interface.device, interface.network_namespace},
                      mode == config.modes.end() ? live::Mode::observe : mode->second});
  }
  for (const auto& [id, mode] : config.modes) {
    const auto interface = network.find_interface(id);
    if (interface && !network[*interface].device.empty()) continue;
    return base::fail("network-interface-id", id + " is no described interface with a device",
                      "`weir vpc show` lists the interfaces; weir:device is a tag");
  }
  if (places.empty()) {
    return base::fail(config.vpc.string(), "no interface has a device",
                      "give interfaces the tag weir:device, and weir:netns where it lies in one");
  }
  return places;
}

}  // namespace

base::Expected<std::unique_ptr<const Plan>> Plan::make(Config config, const Plan* before) {
  auto network = vpc::read_network(config.vpc);
  if (!network) return tl::unexpected(network.error());
  auto policy = policy::Policy::compile(*network, before == nullptr ? nullptr : &before->policy,
                                        policy::Scope::with_device);
  if (!policy) return tl::unexpected(policy.error());
  if (auto held = live::Datapath::check(*policy); !held) return tl::unexpected(held.error());
  recorder::AwsServices services;
  if (!config.ip_ranges.empty()) {
    auto known = recorder::AwsServices::read(config.ip_ranges);
    if (!known) return tl::unexpected(known.error());
    services = std::move(*known);
  }
  std::vector<recorder::Settings> flow_logs;
  for (const FlowLogConfig& flow_log : config.flow_logs) {
    auto settings = settings_of(flow_log, *network);
    if (!settings) return tl::unexpected(settings.error());
    const std::string& id = settings->flow_log.id;
    if (std::any_of(flow_logs.begin(), flow_logs.end(),
                    [&](const auto& other) { return other.flow_log.id == id; })) {
      return base::fail("flow-log-id", "two flow logs would be " + id,
                        "give one of them an id of its own");
    }
    flow_logs.push_back(std::move(*settings));
  }
  auto places = places_of(config, *network);
  if (!places) return tl::unexpected(places.error());
  return std::unique_ptr<const Plan>(new Plan{std::move(config), std::move(*network),
                                              std::move(*policy), std::move(services),
                                              std::move(*places), std::move(flow_logs)});
}

bool Plan::enters_namespaces() const {
  return std::any_of(places.begin(), places.end(),
                     [](const Place& place) { return !place.device.network_namespace.empty(); });
}

}  // namespace weir::service
