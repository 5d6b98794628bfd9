#include "recorder/recorder.h"

#include <algorithm>
#include <array>

#include "flow/windows.h"
#include "packet/packet.h"
#include "policy/judge.h"
#include "recorder/ownership.h"
#include "recorder/record_maker.h"

namespace weir::recorder {
namespace {

using vpc::Direction;

/// How many packets are in work at once: enough to hide a cache miss behind the others.
constexpr std::size_t kBatch = 32;

/// A packet at one interface.
struct Sighting {
  vpc::InterfaceIndex interface {};
  Direction direction = Direction::ingress;
  flow::FlowKey key;
  std::uint64_t hash = 0;
};

/// A packet in work, with the interfaces that may see it: the sender's, then the receiver's.
struct Work {
  packet::ParseResult parsed = packet::ParseResult::not_ip;
  weir_packet packet{};
  base::UnixMicros time;
  std::size_t sightings = 0;
  std::array<Sighting, 2> at;
};

}  // namespace

struct Recorder::State {
  State(const vpc::Network& the_network, const policy::Policy& policy,
        const AwsServices& the_services, Settings the_settings, RecordSink& sink)
      : network(the_network),
        services(the_services),
        settings(std::move(the_settings)),
        owners(network),
        judge(policy, settings.max_connections),
        maker(network, policy, services, settings, sink),
        windows(settings.flow_log.max_aggregation_interval, network.interfaces.size(), maker,
                {.flows = settings.max_flows}) {
    const record::LogFormat& format = settings.flow_log.log_format;
    keeps_own_address[WEIR_EGRESS] = format.has(record::FieldId::pkt_srcaddr);
    keeps_own_address[WEIR_INGRESS] = format.has(record::FieldId::pkt_dstaddr);
    keeps_own_service[WEIR_EGRESS] = format.has(record::FieldId::pkt_src_aws_service);
    keeps_own_service[WEIR_INGRESS] = format.has(record::FieldId::pkt_dst_aws_service);
  }

  void prepare(const capture::CapturedPacket& captured, Work& work);
  void prefetch(std::size_t count) const;
  void find_sightings(Work& work) const;
  void add_sighting(vpc::InterfaceIndex interface, Direction direction, Work& work) const;
  [[nodiscard]] base::Address shown_own_address(const vpc::NetworkInterface& interface,
                                                const base::Address& own) const;
  base::Expected<void> settle(Work& work);
  base::Expected<void> record(Work& work);
  [[nodiscard]] bool is_endpoint_to_load_balancer(const Work& work) const;
  void classify(bool was_recorded, bool was_logged);

  const vpc::Network& network;
  const AwsServices& services;
  Settings settings;
  Ownership owners;
  policy::Judge judge;
  RecordMaker maker;
  flow::Windows windows;
  std::array<bool, 2> keeps_own_address{};  ///< by direction
  std::array<bool, 2> keeps_own_service{};
  Summary summary;
  std::array<Work, kBatch> batch;
  flow::Window* window = nullptr;  ///< the latest packet's, for prefetching only
};

void Recorder::State::prepare(const capture::CapturedPacket& captured, Work& work) {
  work.time = captured.time;
  work.sightings = 0;
  work.parsed =
      packet::parse(captured.bytes, captured.wire_length, captured.link_type, work.packet);
  if (work.parsed != packet::ParseResult::parsed) return;
  find_sightings(work);
  for (std::size_t i = 0; i < work.sightings; ++i) {
    work.at[i].hash = windows.hash(work.at[i].key);
    if (window != nullptr) window->table.prefetch_index(work.at[i].hash);
  }
}

/// Brings the flows, then their connections, of the packets in work into the cache.
void Recorder::State::prefetch(std::size_t count) const {
  if (window == nullptr) return;
  const auto each = [&](auto use) {
    for (const Work& work : std::span(batch).first(count)) {
      for (std::size_t i = 0; i < work.sightings; ++i) use(work.at[i].hash);
    }
  };
  each([this](std::uint64_t hash) { window->table.prefetch_flow(hash); });
  each([this](std::uint64_t hash) {
    const flow::Flow* flow = window->table.peek(hash);
    if (flow != nullptr) judge.prefetch(flow->memo);
  });
}

void Recorder::State::find_sightings(Work& work) const {
  const auto sender = owners.find(packet::to_address(work.packet.src));
  if (settings.interface) {
    // The capture is this interface's own: what it did not send was sent to it.
    const bool is_egress = sender == settings.interface;
    add_sighting(*settings.interface, is_egress ? Direction::egress : Direction::ingress, work);
    return;
  }
  const auto receiver = owners.find(packet::to_address(work.packet.dst));
  if (sender) add_sighting(*sender, Direction::egress, work);
  if (receiver) add_sighting(*receiver, Direction::ingress, work);
}

void Recorder::State::add_sighting(vpc::InterfaceIndex interface, Direction direction,
                                   Work& work) const {
  const auto way = static_cast<std::size_t>(direction);
  const weir_packet& packet = work.packet;
  Sighting& sighting = work.at[work.sightings++];
  sighting.interface = interface;
  sighting.direction = direction;
  flow::FlowKey& key = sighting.key;
  key.src = packet::to_address(packet.src);
  key.dst = packet::to_address(packet.dst);
  base::Address& own = direction == Direction::egress ? key.src : key.dst;
  key.own = {};
  const base::Address shown = shown_own_address(network[interface], own);
  if (shown != own) {
    if (keeps_own_address[way] || (keeps_own_service[way] && !services.find(own).empty())) {
      key.own = own;
    }
    own = shown;
  }
  key.interface = static_cast<std::uint32_t>(interface);
  key.srcport = packet.srcport;
  key.dstport = packet.dstport;
  key.protocol = packet.protocol;
  key.direction = static_cast<std::uint8_t>(direction);
}

/// facts/flow-logs.md §1.2, fields 4 and 5: the primary address, whatever the packet had.
base::Address Recorder::State::shown_own_address(const vpc::NetworkInterface& interface,
                                                 const base::Address& own) const {
  const auto& addresses = own.family() == base::Family::ipv4 ? interface.ipv4 : interface.ipv6;
  return addresses.empty() ? own : addresses.front();
}

base::Expected<void> Recorder::State::settle(Work& work) {
  switch (work.parsed) {
    case packet::ParseResult::not_ip:
      ++summary.not_ip;
      return {};
    case packet::ParseResult::truncated:
      ++summary.truncated;
      return {};
    case packet::ParseResult::malformed:
      ++summary.malformed;
      return {};
    case packet::ParseResult::unknown_link:
      ++summary.unknown_link;
      return {};
    default:
      return record(work);
  }
}

base::Expected<void> Recorder::State::record(Work& work) {
  if (work.sightings == 0) {
    ++summary.no_interface;
    return {};
  }
  auto open = windows.at(work.time);
  if (!open) return tl::unexpected(open.error());
  window = *open;
  if (is_endpoint_to_load_balancer(work)) {
    ++summary.not_logged;
    return {};
  }
  const auto second =
      static_cast<std::uint16_t>((base::second_of(work.time) - window->start).count());
  bool was_logged = false;
  bool was_recorded = false;
  for (std::size_t i = 0; i < work.sightings; ++i) {
    Sighting& sighting = work.at[i];
    flow::Flow& flow = window->table.find_or_add(sighting.key, sighting.hash);
    const weir_verdict verdict =
        judge.judge(sighting.interface, sighting.direction, work.packet, work.time, flow.memo);
    if (verdict.unlogged == 0) {
      window->table.count(flow, verdict, work.packet, second);
      window->has_traffic[static_cast<std::size_t>(sighting.interface)] = true;
      was_logged = true;
      const auto wanted = settings.flow_log.traffic_type;
      was_recorded |= wanted == deliver::TrafficType::all ||
                      (wanted == deliver::TrafficType::accept) == (verdict.accept != 0);
    }
    if (verdict.accept == 0) break;  // it never reached the receiver
  }
  classify(was_recorded, was_logged);
  return {};
}

/// facts/flow-logs.md §7, 8: traffic between an endpoint's and a Network Load Balancer's interface.
bool Recorder::State::is_endpoint_to_load_balancer(const Work& work) const {
  if (work.sightings != 2) return false;
  const std::string& sender = network[work.at[0].interface].type;
  const std::string& receiver = network[work.at[1].interface].type;
  return (sender == "vpc_endpoint" && receiver == "network_load_balancer") ||
         (sender == "network_load_balancer" && receiver == "vpc_endpoint");
}

void Recorder::State::classify(bool was_recorded, bool was_logged) {
  if (was_recorded) {
    ++summary.recorded;
  } else if (was_logged) {
    ++summary.filtered_out;
  } else {
    ++summary.not_logged;
  }
}

namespace {

/// An address that several interfaces have: in a capture of the whole network nobody can tell whose
/// packets those are.
base::Expected<void> check_ownership(const vpc::Network& network) {
  for (const vpc::NetworkInterface& interface : network.interfaces) {
    for (const auto* addresses : {&interface.ipv4, &interface.ipv6}) {
      for (const base::Address& address : *addresses) {
        const auto owners = network.owners(address);
        if (owners.size() < 2) continue;
        return base::fail(
            address.to_string(),
            "belongs to " + network[owners[0]].id + " and to " + network[owners[1]].id,
            "name the interface that the capture is of with --interface");
      }
    }
  }
  return {};
}

}  // namespace

base::Expected<Recorder> Recorder::make(const vpc::Network& network, const policy::Policy& policy,
                                        const AwsServices& services, Settings settings,
                                        RecordSink& sink) {
  if (!settings.interface) {
    if (auto checked = check_ownership(network); !checked) return tl::unexpected(checked.error());
  }
  return Recorder(std::make_unique<State>(network, policy, services, std::move(settings), sink));
}

Recorder::Recorder(std::unique_ptr<State> state) : state_(std::move(state)) {}
Recorder::Recorder(Recorder&&) noexcept = default;
Recorder& Recorder::operator=(Recorder&&) noexcept = default;
Recorder::~Recorder() = default;

base::Expected<void> Recorder::record(std::span<const capture::CapturedPacket> packets) {
  State& state = *state_;
  while (!packets.empty()) {
    const auto now = packets.first(std::min(packets.size(), kBatch));
    packets = packets.subspan(now.size());
    for (std::size_t i = 0; i < now.size(); ++i) state.prepare(now[i], state.batch[i]);
    state.prefetch(now.size());
    for (std::size_t i = 0; i < now.size(); ++i) {
      ++state.summary.read;
      if (auto done = state.settle(state.batch[i]); !done) return done;
    }
  }
  return {};
}

base::Expected<void> Recorder::finish() {
  state_->window = nullptr;
  return state_->windows.finish();
}

Summary Recorder::summary() const {
  Summary summary = state_->summary;
  summary.records = state_->maker.records();
  summary.late = state_->windows.late_packets();
  summary.clock_jumps = state_->windows.clock_jumps();
  summary.not_tracked = state_->judge.connections_not_tracked();
  return summary;
}

}  // namespace weir::recorder
