#include "recorder/recorder.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <thread>

#include "base/conveyor.h"
#include "flow/windows.h"
#include "policy/judge.h"
#include "recorder/record_maker.h"
#include "recorder/sightings.h"

namespace weir::recorder {
namespace {

/// How many packets are in work at once: enough to hide a cache miss behind the others.
constexpr std::size_t kBatch = 32;
/// How many packets the caller's thread hands over at once.
constexpr std::size_t kBlock = 8 * kBatch;
constexpr std::size_t kBlocks = 8;

/// A block without packets is the last.
struct Block {
  std::size_t count = 0;
  std::array<SightedPacket, kBlock> packets;
};

}  // namespace

/// The caller's thread looks at the packets one by one; a second thread settles them, in order,
/// and owns all that remembers: tracked connections, flows, the sink.
struct Recorder::State {
  State(const vpc::Network& the_network, const policy::Policy& policy, const AwsServices& services,
        Settings the_settings, RecordSink& sink)
      : network(the_network),
        settings(std::move(the_settings)),
        judge(policy, settings.max_connections),
        maker(network, policy, services, settings, sink),
        windows(settings.flow_log.max_aggregation_interval, network.interfaces.size(), maker,
                {.flows = settings.max_flows}),
        lookout(network, services, settings.flow_log.log_format, settings.interface,
                windows.hash_seed()),
        settler([this] { settle_all(); }) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { join(); }

  void pass_on();
  void join();

  void settle_all();
  base::Expected<void> settle(std::span<const SightedPacket> packets);
  void prefetch(std::span<const SightedPacket> packets) const;
  base::Expected<void> settle(const SightedPacket& packet);
  base::Expected<void> record(const SightedPacket& packet);
  [[nodiscard]] bool is_endpoint_to_load_balancer(const SightedPacket& packet) const;
  void classify(bool was_recorded, bool was_logged);

  const vpc::Network& network;
  Settings settings;

  // The settling thread's, until it is joined.
  policy::Judge judge;
  RecordMaker maker;
  flow::Windows windows;
  flow::Window* window = nullptr;  ///< the latest packet's, for prefetching only
  Summary summary;
  base::Expected<void> result;

  // The caller's thread's.
  Lookout lookout;
  Block* filling = nullptr;

  // Both.
  base::Conveyor<Block> conveyor{kBlocks};
  std::atomic<bool> has_failed = false;
  std::thread settler;
};

void Recorder::State::pass_on() {
  filling = nullptr;
  conveyor.pass();
}

/// What was handed over is settled before it returns.
void Recorder::State::join() {
  if (!settler.joinable()) return;
  if (filling != nullptr) pass_on();
  conveyor.to_fill().count = 0;
  conveyor.pass();
  settler.join();
}

void Recorder::State::settle_all() {
  for (;;) {
    const Block& block = conveyor.to_empty();
    if (block.count == 0) return;
    if (result) {
      try {
        result = settle(std::span(block.packets).first(block.count));
      } catch (const std::exception& error) {  // memory, at last
        result = base::fail("", error.what());
      }
      if (!result) has_failed = true;
    }
    conveyor.give_back();
  }
}

base::Expected<void> Recorder::State::settle(std::span<const SightedPacket> packets) {
  while (!packets.empty()) {
    const auto now = packets.first(std::min(packets.size(), kBatch));
    packets = packets.subspan(now.size());
    prefetch(now);
    for (const SightedPacket& packet : now) {
      ++summary.read;
      if (auto done = settle(packet); !done) return done;
    }
  }
  return {};
}

/// Brings the packets' flows, then their connections, into the cache.
void Recorder::State::prefetch(std::span<const SightedPacket> packets) const {
  if (window == nullptr) return;
  const auto each = [&](auto use) {
    for (const SightedPacket& packet : packets) {
      for (std::size_t i = 0; i < packet.sightings; ++i) use(packet.at[i].hash);
    }
  };
  each([this](std::uint64_t hash) { window->table.prefetch_index(hash); });
  each([this](std::uint64_t hash) { window->table.prefetch_flow(hash); });
  each([this](std::uint64_t hash) {
    const flow::Flow* flow = window->table.peek(hash);
    if (flow != nullptr) judge.prefetch(flow->memo);
  });
}

base::Expected<void> Recorder::State::settle(const SightedPacket& packet) {
  switch (packet.parsed) {
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
      return record(packet);
  }
}

base::Expected<void> Recorder::State::record(const SightedPacket& packet) {
  if (packet.sightings == 0) {
    ++summary.no_interface;
    return {};
  }
  auto open = windows.at(packet.time);
  if (!open) return tl::unexpected(open.error());
  window = *open;
  if (is_endpoint_to_load_balancer(packet)) {
    ++summary.not_logged;
    return {};
  }
  const auto second =
      static_cast<std::uint16_t>((base::second_of(packet.time) - window->start).count());
  summary.foreign += packet.is_foreign ? 1 : 0;
  bool was_logged = false;
  bool was_recorded = false;
  for (std::size_t i = 0; i < packet.sightings; ++i) {
    const Sighting& sighting = packet.at[i];
    flow::Flow& flow = window->table.find_or_add(sighting.key, sighting.hash);
    const weir_verdict verdict =
        judge.judge(sighting.interface, sighting.direction, packet.packet, packet.time, flow.memo);
    if (verdict.unlogged == 0) {
      window->table.count(flow, verdict, packet.packet, second);
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
bool Recorder::State::is_endpoint_to_load_balancer(const SightedPacket& packet) const {
  if (packet.sightings != 2) return false;
  const std::string& sender = network[packet.at[0].interface].type;
  const std::string& receiver = network[packet.at[1].interface].type;
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
  for (const capture::CapturedPacket& packet : packets) {
    if (state.filling == nullptr) {
      if (state.has_failed) return finish();
      state.filling = &state.conveyor.to_fill();
      state.filling->count = 0;
    }
    state.lookout.look(packet, state.filling->packets[state.filling->count++]);
    if (state.filling->count == kBlock) state.pass_on();
  }
  return {};
}

base::Expected<void> Recorder::finish() {
  State& state = *state_;
  state.join();
  if (state.result) state.result = state.windows.finish();
  return state.result;
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
