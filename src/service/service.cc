#include "service/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "deliver/object_key.h"
#include "deliver/publisher.h"
#include "live/hook.h"
#include "policy/policy.h"
#include "recorder/live_recorder.h"
#include "vpc/read.h"

namespace weir::service {
namespace {

/// The records of one flow log, on their way to objects.
class Objects : public recorder::RecordSink {
 public:
  explicit Objects(deliver::Publisher publisher) : publisher_(std::move(publisher)) {}

  base::Expected<void> add(const record::Record& record) override {
    ++records_;
    return publisher_.add(record);
  }
  base::Expected<void> completed(base::UnixSeconds time) override {
    return publisher_.publish_before(time);
  }
  base::Expected<void> publish_all() { return publisher_.finish(); }
  std::vector<deliver::PublishedObject> take_published() { return publisher_.take_published(); }
  [[nodiscard]] std::uint64_t records() const { return records_; }

 private:
  deliver::Publisher publisher_;
  std::uint64_t records_ = 0;
};

/// One flow log at work.
struct FlowLog {
  std::string destination;
  recorder::Settings settings;
  std::unique_ptr<Objects> objects;
  std::unique_ptr<recorder::LiveRecorder> recorder;
};

/// An interface that is to be recorded, and its device while that is there.
struct Watched {
  vpc::InterfaceIndex interface;
  live::Device device;
  live::Mode mode = live::Mode::observe;
  std::optional<live::Port> port;
  std::optional<live::Hook> hook;
  std::string complaint;  ///< why it is not attached, as it was last told
};

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

constexpr std::chrono::seconds kAwsInterval{300};  // between publications

}  // namespace

struct Service::State {
  State(Config the_config, Log the_log) : config(std::move(the_config)), log(std::move(the_log)) {}

  base::Expected<void> start(base::UnixMicros now);
  base::Expected<void> open(const FlowLogConfig& asked);
  void attach(Watched& one);
  base::Expected<void> try_to_attach(Watched& one);
  void let_go(Watched& one);
  base::Expected<void> skip(vpc::InterfaceIndex interface, base::UnixMicros now);
  base::Expected<void> drain(base::UnixMicros now);
  base::Expected<void> account(const live::PointAccount& point, base::UnixMicros now);
  [[nodiscard]] vpc::InterfaceIndex interface_of(live::Port port) const;
  base::Expected<void> turn(base::UnixMicros now, bool publishes_all);
  base::Expected<void> publish();
  void tell_published(FlowLog& flow_log);

  Config config;
  Log log;
  vpc::Network network;
  recorder::AwsServices services;
  std::optional<policy::Policy> policy;
  std::optional<live::Datapath> datapath;
  std::vector<Watched> watched;
  std::vector<vpc::InterfaceIndex> interfaces;  // by port
  std::vector<std::unique_ptr<FlowLog>> flow_logs;
  base::UnixMicros next_publication;  // where that is more often than windows end
  Status status;
};

base::Expected<void> Service::State::start(base::UnixMicros now) {
  auto read = vpc::read_network(config.vpc);
  if (!read) return tl::unexpected(read.error());
  network = std::move(*read);
  auto compiled = policy::Policy::compile(network);
  if (!compiled) return tl::unexpected(compiled.error());
  policy.emplace(std::move(*compiled));
  if (!config.ip_ranges.empty()) {
    auto known = recorder::AwsServices::read(config.ip_ranges);
    if (!known) return tl::unexpected(known.error());
    services = std::move(*known);
  }
  for (const FlowLogConfig& flow_log : config.flow_logs) {
    if (auto opened = open(flow_log); !opened) return opened;
  }
  auto loaded = live::Datapath::load(config.capacity);
  if (!loaded) return tl::unexpected(loaded.error());
  datapath.emplace(std::move(*loaded));
  for (std::size_t i = 0; i < network.interfaces.size(); ++i) {
    if (network.interfaces[i].device.empty()) continue;
    const auto interface = static_cast<vpc::InterfaceIndex>(i);
    const vpc::NetworkInterface& described = network.interfaces[i];
    const auto mode = config.modes.find(described.id);
    watched.push_back({interface,
                       {described.device, described.network_namespace},
                       mode == config.modes.end() ? live::Mode::observe : mode->second,
                       {},
                       {},
                       {}});
  }
  for (const auto& [id, mode] : config.modes) {
    const auto interface = network.find_interface(id);
    if (interface && !network[*interface].device.empty()) continue;
    return base::fail("network-interface-id", id + " is no described interface with a device",
                      "`weir vpc show` lists the interfaces; weir:device is a tag");
  }
  if (watched.empty()) {
    return base::fail(config.vpc.string(), "no interface has a device",
                      "give interfaces the tag weir:device, and weir:netns where it lies in one");
  }
  // Every window has its NODATA from the one on that the service began in.
  for (const auto& flow_log : flow_logs) {
    if (auto done = flow_log->recorder->pass(now); !done) return done;
  }
  next_publication = now + config.publish_interval;
  return {};
}

base::Expected<void> Service::State::open(const FlowLogConfig& asked) {
  auto settings = settings_of(asked, network);
  if (!settings) return tl::unexpected(settings.error());
  auto publisher = deliver::Publisher::open(asked.log_destination, settings->flow_log);
  if (!publisher) return tl::unexpected(publisher.error());
  auto opened = std::make_unique<FlowLog>();
  opened->destination = asked.log_destination;
  opened->settings = std::move(*settings);
  opened->objects = std::make_unique<Objects>(std::move(*publisher));
  opened->recorder = std::make_unique<recorder::LiveRecorder>(network, *policy, services,
                                                              opened->settings, *opened->objects);
  flow_logs.push_back(std::move(opened));
  return {};
}

/// Says why it cannot be, once.
void Service::State::attach(Watched& one) {
  const auto done = try_to_attach(one);
  const std::string complaint = done ? "" : done.error().message();
  if (!complaint.empty() && complaint != one.complaint) {
    log(fmt::format("{} is not recorded: {}", network[one.interface].id, complaint));
  }
  one.complaint = complaint;
}

base::Expected<void> Service::State::try_to_attach(Watched& one) {
  const vpc::NetworkInterface& interface = network[one.interface];
  const auto addresses = live::addresses_of(one.device);
  if (!addresses) return tl::unexpected(addresses.error());
  if (!one.port) {
    const auto has_header = live::has_link_header(one.device);
    if (!has_header) return tl::unexpected(has_header.error());
    const auto port = datapath->add_port(one.mode, *has_header);
    if (!port) return tl::unexpected(port.error());
    one.port = *port;
    interfaces.push_back(one.interface);
    if (auto published = datapath->publish(*policy, interfaces); !published) return published;
  }
  // A device without the interface's addresses is the host's end of what leads to it: what the
  // interface sends is received there.
  const bool is_own = std::any_of(addresses->begin(), addresses->end(), [&](const auto& address) {
    return std::find(interface.ipv4.begin(), interface.ipv4.end(), address) !=
               interface.ipv4.end() ||
           std::find(interface.ipv6.begin(), interface.ipv6.end(), address) != interface.ipv6.end();
  });
  const auto received = is_own ? vpc::Direction::ingress : vpc::Direction::egress;
  const auto sent = is_own ? vpc::Direction::egress : vpc::Direction::ingress;
  auto hook = live::Hook::attach({.of_received = datapath->program(*one.port, received),
                                  .of_sent = datapath->program(*one.port, sent)},
                                 one.device);
  if (!hook) return tl::unexpected(hook.error());
  one.hook.emplace(std::move(*hook));
  log(fmt::format("{} is recorded at {}{} ({}, {})", interface.id, one.device.name,
                  one.device.network_namespace.empty() ? "" : " in " + one.device.network_namespace,
                  one.hook->attachment() == live::Attachment::tcx ? "tcx" : "clsact",
                  one.mode == live::Mode::enforce ? "enforce" : "observe"));
  return {};
}

/// What was counted stays with the kernel until the next drain.
void Service::State::let_go(Watched& one) {
  one.hook.reset();
  log(fmt::format("{}: its device {} is gone", network[one.interface].id, one.device.name));
}

vpc::InterfaceIndex Service::State::interface_of(live::Port port) const {
  return interfaces[static_cast<std::size_t>(port)];
}

base::Expected<void> Service::State::drain(base::UnixMicros now) {
  base::Expected<void> result;
  const auto points = datapath->drain(now, [&](const live::DrainedFlow& flow) {
    const vpc::InterfaceIndex interface = interface_of(flow.port);
    for (const auto& flow_log : flow_logs) {
      if (!result) return;
      if (!flow_log->settings.subscribed[static_cast<std::size_t>(interface)]) continue;
      result = flow_log->recorder->add(flow, interface);
    }
  });
  if (!points) return tl::unexpected(points.error());
  for (const live::PointAccount& point : *points) {
    if (result) result = account(point, now);
  }
  return result;
}

base::Expected<void> Service::State::account(const live::PointAccount& point,
                                             base::UnixMicros now) {
  const vpc::InterfaceIndex interface = interface_of(point.port);
  status.seen += point.seen();
  status.recorded += point.recorded;
  status.overflow += point.overflow();
  status.exceptions += point.accounted() - point.recorded - point.overflow();
  if (point.accounted() != point.seen()) {
    ++status.mismatches;
    log(fmt::format(
        "{} {}: {} packets were seen but {} are accounted for; this is a defect of "
        "weir: please report it",
        network[interface].id, to_string(point.direction), point.seen(), point.accounted()));
  }
  if (point.overflow() == 0) return {};
  log(fmt::format("{} {}: {} packets found no room and become SKIPDATA; give more capacity.flows",
                  network[interface].id, to_string(point.direction), point.overflow()));
  return skip(interface, now);
}

/// Records of the interface are missing since the last drain.
base::Expected<void> Service::State::skip(vpc::InterfaceIndex interface, base::UnixMicros now) {
  for (const auto& flow_log : flow_logs) {
    if (!flow_log->settings.subscribed[static_cast<std::size_t>(interface)]) continue;
    if (auto done = flow_log->recorder->skipped(interface, now); !done) return done;
  }
  return {};
}

base::Expected<void> Service::State::turn(base::UnixMicros now, bool publishes_all) {
  if (auto done = drain(now); !done) return done;
  for (const auto& flow_log : flow_logs) {
    if (auto done = flow_log->recorder->pass(now); !done) return done;
  }
  if (publishes_all) {
    if (auto done = publish(); !done) return done;
  }
  status.records = 0;
  for (const auto& flow_log : flow_logs) {
    tell_published(*flow_log);
    status.records += flow_log->objects->records();
  }
  return {};
}

/// Everything that there is, whether its window is over or not.
base::Expected<void> Service::State::publish() {
  for (const auto& flow_log : flow_logs) {
    if (auto done = flow_log->recorder->hand_over(); !done) return done;
    if (auto done = flow_log->objects->publish_all(); !done) return done;
  }
  return {};
}

void Service::State::tell_published(FlowLog& flow_log) {
  for (const deliver::PublishedObject& object : flow_log.objects->take_published()) {
    ++status.objects;
    log(fmt::format("{}/{} ({} records, {} bytes)", flow_log.destination, object.key,
                    object.records, object.bytes));
  }
}

base::Expected<std::unique_ptr<Service>> Service::start(Config config, base::UnixMicros now,
                                                        Log log) {
  auto state = std::make_unique<State>(std::move(config), std::move(log));
  if (auto started = state->start(now); !started) return tl::unexpected(started.error());
  for (Watched& one : state->watched) state->attach(one);
  return std::unique_ptr<Service>(new Service(std::move(state)));
}

Service::Service(std::unique_ptr<State> state) : state_(std::move(state)) {}
Service::~Service() = default;

base::Expected<void> Service::tick(base::UnixMicros now) {
  State& state = *state_;
  for (Watched& one : state.watched) {
    if (one.hook && !one.hook->is_attached()) state.let_go(one);
    if (!one.hook) state.attach(one);
    if (one.hook) continue;
    // Nobody can say that it was silent.
    if (auto done = state.skip(one.interface, now); !done) return done;
  }
  const bool is_due = state.config.publish_interval < kAwsInterval && now >= state.next_publication;
  if (is_due) state.next_publication = now + state.config.publish_interval;
  return state.turn(now, is_due);
}

base::Expected<void> Service::stop(base::UnixMicros now) {
  for (Watched& one : state_->watched) one.hook.reset();  // nothing is counted from here on
  return state_->turn(now, true);
}

const Status& Service::status() const {
  return state_->status;
}

}  // namespace weir::service
