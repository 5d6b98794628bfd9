#include "live/datapath.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include "base/descriptor.h"
#include "base/hash.h"
#include "live/arena.h"
#include "live/connections.h"
#include "live/kernel.h"

namespace weir::live {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, CloseObject>;

/// What all ports' programs use together.
constexpr std::array kSharedMaps{"slots",       "wide_slots", "counts",
                                 "connections", "policies",   ".bss"};

base::Expected<Object> open_object(std::span<const std::byte> bytes) {
  libbpf_set_print(nullptr);  // what it would say is in the errors, or is the verifier's
  bpf_object_open_opts options{};
  options.sz = sizeof(options);
  options.object_name = "weir";
  Object object(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
  if (!object) return refused("opening the kernel program", errno);
  return object;
}

int map_fd(const Object& object, const char* name) {
  return bpf_map__fd(bpf_object__find_map_by_name(object.get(), name));
}

bpf_program* find_program(const Object& object, const char* name) {
  return bpf_object__find_program_by_name(object.get(), name);
}

void load_only(const Object& object, std::string_view name) {
  for (bpf_program* program = nullptr;
       (program = bpf_object__next_program(object.get(), program)) != nullptr;) {
    bpf_program__set_autoload(program, bpf_program__name(program) == name);
  }
}

/// Why it does not take the program, which was not loaded yet; nothing, if it is not the verifier
/// that refuses it.
std::string verifier_says(const Object& object, const char* name) {
  constexpr std::size_t kLongEnough = std::size_t{16}
                                      << 20U;  // the end of what it says is the reason
  std::string log(kLongEnough, '\0');
  bpf_program* program = find_program(object, name);
  if (program == nullptr) return "";
  bpf_program__set_log_level(program, 1);
  bpf_program__set_log_buf(program, log.data(), log.size());
  if (bpf_object__load(object.get()) == 0) return "";
  log.resize(log.find('\0'));
  // The last line counts what was looked at: the reason is the one before.
  if (const auto last = log.rfind("\nprocessed "); last != std::string::npos) log.resize(last);
  return log.substr(log.rfind('\n') + 1);
}

/// How many jiffies a second has; the kernel does not say, so it is measured.
unsigned ticks_a_second(const weir_clock& before, const weir_clock& after) {
  constexpr std::array kKnown{100U, 250U, 300U, 1000U};
  const double rate = static_cast<double>(after.jiffies - before.jiffies) * 1e9 /
                      static_cast<double>(after.nanoseconds - before.nanoseconds);
  return *std::min_element(kKnown.begin(), kKnown.end(), [rate](unsigned a, unsigned b) {
    return std::abs(a - rate) < std::abs(b - rate);
  });
}

/// A power of two.
std::uint32_t sets_for(std::size_t connections) {
  return static_cast<std::uint32_t>(
      std::bit_ceil((connections + WEIR_SET_CONNECTIONS - 1) / WEIR_SET_CONNECTIONS));
}

}  // namespace

struct Datapath::State {
  base::Expected<void> make_maps(Capacity capacity);
  base::Expected<void> map_memory();
  base::Expected<void> read_clock(weir_clock& clock) const;
  base::Expected<void> measure_clock();
  base::Expected<void> load_programs(Port port, Mode mode, bool has_link_header);
  base::Expected<Object> prepare_program(Port port, vpc::Direction direction, Mode mode,
                                         bool has_link_header) const;
  base::Expected<base::Descriptor> load_program(Port port, vpc::Direction direction, Mode mode,
                                                bool has_link_header) const;
  base::Expected<void> publish(const weir_live_policy& policy) const;

  Object maps;
  weir_settings settings{};  ///< the same for all programs, but for port and direction
  unsigned hertz = 0;
  Capacity size;
  Variant variant;
  struct Programs {
    std::array<base::Descriptor, 2> by_direction;
    std::uint32_t owner = 0;  ///< whose connections they know; 0: the port is free
  };
  std::vector<Programs> ports;
  std::uint32_t owners = 0;  ///< so far
  std::uint64_t generation = 0;

  MappedMemory<weir_shared> shared_memory;
  MappedMemory<weir_slot> slots;
  MappedMemory<weir_wide_slot> wide_slots;
  MappedMemory<weir_counts> counts;
  std::optional<ConnectionCount> connections;

  [[nodiscard]] weir_shared& shared() const { return shared_memory.get().front(); }
};

base::Expected<Datapath> Datapath::load(Capacity capacity, Variant variant) {
  auto state = std::make_unique<State>();
  state->variant = variant;
  state->settings.is_test = variant.has_test_clock ? 1 : 0;
  state->settings.seed = base::random_seed();
  if (auto done = state->make_maps(capacity); !done) return tl::unexpected(done.error());
  if (auto done = state->map_memory(); !done) return tl::unexpected(done.error());
  if (auto done = state->measure_clock(); !done) return tl::unexpected(done.error());
  return Datapath(std::move(state));
}

Datapath::Datapath(std::unique_ptr<State> state) : state_(std::move(state)) {}
Datapath::Datapath(Datapath&&) noexcept = default;
Datapath& Datapath::operator=(Datapath&&) noexcept = default;
Datapath::~Datapath() = default;

base::Expected<void> Datapath::State::make_maps(Capacity capacity) {
  size = capacity;
  const auto known = variant.processors ? *variant.processors : processors();
  if (!known) return tl::unexpected(known.error());
  settings.processors = known->possible;
  settings.online = known->online;
  settings.points = static_cast<std::uint32_t>(2 * capacity.ports);
  settings.blocks = shares_of(capacity.flows, WEIR_BLOCK_SLOTS, *known);
  settings.wide_blocks = shares_of(capacity.ipv6_flows, WEIR_WIDE_BLOCK_SLOTS, *known);
  settings.set_mask = sets_for(capacity.connections) - 1;

  auto object = open_object(variant.object);
  if (!object) return tl::unexpected(object.error());
  maps = std::move(*object);
  const auto resize = [this](const char* name, std::uint32_t entries) {
    bpf_map__set_max_entries(bpf_object__find_map_by_name(maps.get(), name), entries);
  };
  resize("slots", 2 * settings.blocks.all);
  resize("wide_slots", 2 * settings.wide_blocks.all);
  resize("counts", 2 * settings.processors * settings.points);
  resize("connections", settings.set_mask + 1);
  load_only(maps, "weir_read_clock");
  const int error = bpf_object__load(maps.get());
  if (error != 0) return refused("making the kernel's maps", -error);
  connections.emplace(map_fd(maps, "connections"), std::size_t{settings.set_mask} + 1);
  return {};
}

base::Expected<void> Datapath::State::map_memory() {
  const auto map = [this](auto& memory, const char* name, std::size_t count) {
    using Memory = std::remove_reference_t<decltype(memory)>;
    auto mapped = Memory::map(map_fd(maps, name), count, std::string("the kernel's ") + name);
    if (mapped) memory = std::move(*mapped);
    return mapped.map([](const auto&) {});
  };
  if (auto done = map(shared_memory, ".bss", 1); !done) return done;
  const auto twice = [](std::size_t of_half) { return 2 * of_half; };
  if (auto done = map(slots, "slots", twice(settings.blocks.all) * WEIR_BLOCK_SLOTS); !done) {
    return done;
  }
  if (auto done =
          map(wide_slots, "wide_slots", twice(settings.wide_blocks.all) * WEIR_WIDE_BLOCK_SLOTS);
      !done) {
    return done;
  }
  return map(counts, "counts", twice(settings.processors) * settings.points);
}

base::Expected<void> Datapath::State::read_clock(weir_clock& clock) const {
  const std::array<std::uint8_t, 64> any_packet{};
  const int program = bpf_program__fd(find_program(maps, "weir_read_clock"));
  if (auto run = test_run(program, any_packet); !run) return tl::unexpected(run.error());
  clock = shared().clock;
  if (settings.is_test != 0) clock.jiffies = shared().test_clock;
  return {};
}

base::Expected<void> Datapath::State::measure_clock() {
  // Long enough to tell 250 from 300 by ticks that are 4 ms apart.
  constexpr std::chrono::milliseconds kLongEnough(100);
  const std::array<std::uint8_t, 64> any_packet{};
  const int program = bpf_program__fd(find_program(maps, "weir_read_clock"));
  if (auto run = test_run(program, any_packet); !run) return tl::unexpected(run.error());
  const weir_clock before = shared().clock;
  std::this_thread::sleep_for(kLongEnough);
  if (auto run = test_run(program, any_packet); !run) return tl::unexpected(run.error());
  hertz = ticks_a_second(before, shared().clock);
  // About a second: 1.28 s at 100 Hz, 1.02 s at 250 and 1,000 Hz, 0.85 s at 300 Hz.
  settings.beat_shift = static_cast<std::uint32_t>(std::bit_width(hertz * 3 / 4));
  settings.beat_micros =
      static_cast<std::uint32_t>((std::uint64_t{1} << settings.beat_shift) * 1'000'000 / hertz);
  return {};
}

base::Expected<Object> Datapath::State::prepare_program(Port port, vpc::Direction direction,
                                                        Mode mode, bool has_link_header) const {
  auto object = open_object(variant.object);
  if (!object) return tl::unexpected(object.error());
  for (const char* name : kSharedMaps) {
    bpf_map* map = bpf_object__find_map_by_name(object->get(), name);
    if (const int error = bpf_map__reuse_fd(map, map_fd(maps, name)); error != 0) {
      return refused(std::string("sharing the kernel's ") + name, -error);
    }
  }
  weir_settings own = settings;
  own.port = static_cast<std::uint32_t>(port);
  own.owner = ports[static_cast<std::size_t>(port)].owner;
  own.direction = static_cast<std::uint32_t>(direction);
  own.enforces = mode == Mode::enforce ? 1 : 0;
  own.has_link_header = has_link_header ? 1 : 0;
  bpf_map* constants = bpf_object__find_map_by_name(object->get(), ".rodata");
  const int set = bpf_map__set_initial_value(constants, &own, sizeof(own));
  if (set != 0) return refused("the kernel program's constants", -set);
  load_only(*object, variant.program);
  return object;
}

base::Expected<base::Descriptor> Datapath::State::load_program(Port port, vpc::Direction direction,
                                                               Mode mode,
                                                               bool has_link_header) const {
  auto object = prepare_program(port, direction, mode, has_link_header);
  if (!object) return tl::unexpected(object.error());
  if (const int error = bpf_object__load(object->get()); error != 0) {
    // Once more, for what the verifier says; it is not asked the first time, since it writes much.
    object = prepare_program(port, direction, mode, has_link_header);
    const std::string said = object ? verifier_says(*object, variant.program) : "";
    if (said.empty()) return refused("loading the kernel program", -error);
    return base::fail("the kernel program", "this kernel's verifier does not take it: " + said,
                      "please report it, with what weir doctor says");
  }
  // Its own reference: the object closes.
  base::Descriptor program(dup(bpf_program__fd(find_program(*object, variant.program))));
  if (!program.is_open()) return refused("the kernel program", errno);
  return program;
}

base::Expected<void> Datapath::State::load_programs(Port port, Mode mode, bool has_link_header) {
  std::array<base::Descriptor, 2> programs;
  for (const auto direction : {vpc::Direction::ingress, vpc::Direction::egress}) {
    auto program = load_program(port, direction, mode, has_link_header);
    if (!program) return tl::unexpected(program.error());
    programs[static_cast<std::size_t>(direction)] = std::move(*program);
  }
  ports[static_cast<std::size_t>(port)].by_direction = std::move(programs);
  return {};
}

base::Expected<Port> Datapath::add_port(Mode mode, bool has_link_header) {
  auto& ports = state_->ports;
  const auto free =
      std::find_if(ports.begin(), ports.end(), [](const auto& port) { return port.owner == 0; });
  const auto port = static_cast<Port>(free - ports.begin());
  const bool is_new = free == ports.end();
  if (is_new) {
    if (ports.size() >= state_->size.ports) {
      return base::fail("", "more than " + std::to_string(state_->size.ports) + " interfaces");
    }
    ports.emplace_back();
  }
  ports[static_cast<std::size_t>(port)].owner = ++state_->owners;
  if (auto loaded = state_->load_programs(port, mode, has_link_header); !loaded) {
    remove_port(port);
    if (is_new) ports.pop_back();
    return tl::unexpected(loaded.error());
  }
  return port;
}

base::Expected<void> Datapath::change_port(Port port, Mode mode, bool has_link_header) {
  return state_->load_programs(port, mode, has_link_header);
}

void Datapath::remove_port(Port port) {
  state_->ports[static_cast<std::size_t>(port)] = {};
}

int Datapath::program(Port port, vpc::Direction direction) const {
  return state_->ports[static_cast<std::size_t>(port)]
      .by_direction[static_cast<std::size_t>(direction)]
      .get();
}

base::Expected<void> Datapath::check(const policy::Policy& policy) {
  if (policy.arena().size() <= WEIR_ARENA_WORDS) return {};
  return base::fail(
      "",
      "the rules of interfaces with a device take " + std::to_string(policy.arena().size() * 8) +
          " bytes, more than the kernel's " + std::to_string(sizeof(weir_arena)),
      "give the tag weir:device to interfaces of this host alone; those with the same "
      "groups share their rules");
}

base::Expected<void> Datapath::publish(const policy::Policy& policy,
                                       std::span<const vpc::InterfaceIndex> interfaces) {
  if (auto held = check(policy); !held) return held;
  auto next = std::make_unique<weir_live_policy>();
  next->generation = state_->generation + 1;
  std::copy(policy.arena().begin(), policy.arena().end(), next->arena.words);
  for (std::size_t i = 0; i < std::min<std::size_t>(interfaces.size(), WEIR_MAX_PORTS); ++i) {
    next->interfaces[i] = policy.interfaces()[static_cast<std::size_t>(interfaces[i])];
  }
  if (auto done = state_->publish(*next); !done) return done;
  // Only now do flows that keep a verdict ask again: the rules that they will meet are there.
  state_->generation = next->generation;
  std::atomic_ref(state_->shared().generation).store(static_cast<std::uint32_t>(next->generation));
  return {};
}

base::Expected<void> Datapath::State::publish(const weir_live_policy& policy) const {
  const std::uint32_t first = 0;
  const base::Descriptor map(
      bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_policy", sizeof(first), sizeof(policy), 1, nullptr));
  if (!map.is_open()) return refused("a map for the rules", errno);
  if (bpf_map_update_elem(map.get(), &first, &policy, BPF_ANY) != 0) {
    return refused("a map for the rules", errno);
  }
  const int inner = map.get();
  if (bpf_map_update_elem(map_fd(maps, "policies"), &first, &inner, BPF_ANY) != 0) {
    return refused("publishing the rules", errno);
  }
  return {};
}

base::Expected<std::vector<PointAccount>> Datapath::drain(base::UnixMicros now,
                                                          const Visit& visit) {
  State& state = *state_;
  weir_clock clock{};
  if (auto done = state.read_clock(clock); !done) return tl::unexpected(done.error());
  std::atomic_ref half(state.shared().half);
  const std::uint32_t quiet = half.load();
  half.store(quiet ^ 1U);
  if (auto done = wait_for_running_programs(); !done) return tl::unexpected(done.error());
  std::vector<PointAccount> points;
  for (std::size_t i = 0; i < state.ports.size(); ++i) {
    for (const auto direction : {vpc::Direction::ingress, vpc::Direction::egress}) {
      points.push_back({static_cast<Port>(i), direction, 0, 0, {}});
    }
  }
  const Moment moment{now, clock.jiffies, state.hertz};
  collect_counts(half_of(state.counts.get(), quiet), state.settings.points, points);
  collect_flows(half_of(state.slots.get(), quiet), moment, points, visit);
  collect_flows(half_of(state.wide_slots.get(), quiet), moment, points, visit);
  return points;
}

Room Datapath::room() const {
  return {state_->slots.get().size() / 2, state_->wide_slots.get().size() / 2,
          (std::size_t{state_->settings.set_mask} + 1) * WEIR_SET_CONNECTIONS};
}

base::Expected<void> Datapath::look_at_connections() {
  State& state = *state_;
  weir_clock clock{};
  if (auto done = state.read_clock(clock); !done) return done;
  // As the program has it, whose word for it has 32 bits.
  const auto beat = static_cast<std::uint32_t>(clock.jiffies >> state.settings.beat_shift);
  return state.connections->look(std::uint64_t{beat} * state.settings.beat_micros);
}

std::optional<std::size_t> Datapath::connections() const {
  return state_->connections->taken();
}

void Datapath::set_test_clock(std::uint64_t beat) {
  state_->shared().test_clock = beat << state_->settings.beat_shift;
}

microseconds Datapath::beat() const {
  return microseconds(state_->settings.beat_micros);
}

std::uint64_t PointAccount::accounted() const {
  return recorded + not_logged + overflow() + counts.of[WEIR_OVERFLOW_UNLOGGED] +
         counts.of[WEIR_SEEN_NOT_IP] + counts.of[WEIR_SEEN_TRUNCATED] +
         counts.of[WEIR_SEEN_MALFORMED] + counts.of[WEIR_SEEN_UNJUDGED];
}

}  // namespace weir::live
