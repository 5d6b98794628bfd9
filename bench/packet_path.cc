// What the kernel program costs a packet, by BPF_PROG_TEST_RUN: the median of interleaved rounds,
// less a program that only changes the packet, in the same rounds. Then what a drain takes, with
// and without a flow log that takes its flows over.
//
// usage: packet_path [rounds]     (as root)
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "live/datapath.h"
#include "live/kernel.h"
#include "recorder/live_recorder.h"

extern "C" {
#include "bpf/bench.h"
}

namespace {

using namespace weir;

template <typename T>
T must(base::Expected<T> value) {
  if (value) return std::move(*value);
  fmt::print(stderr, "packet_path: {}\n", value.error().message());
  std::exit(1);
}

std::vector<std::byte> read_object() {
  std::ifstream file(WEIR_BENCH_OBJECT, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  return {begin, begin + bytes.size()};
}

/// One interface whose last rules let through what is sent.
vpc::Network network_with(unsigned acl_rules, unsigned group_rules) {
  std::mt19937 random(1);
  const auto any_block = [&](unsigned i) {
    if (i % 4 == 3) return base::Prefix::make({0x20010db900000000 | random(), 0}, 64);
    return base::Prefix::make(base::Address::from_ipv4(0xac100000 | (random() & 0xfffff)), 24);
  };
  const auto any_port = [&] {
    vpc::TrafficClass traffic;
    traffic.protocol = random() % 2 == 0 ? 6 : 17;
    traffic.first_port = static_cast<std::uint16_t>(random() % 60000);
    traffic.last_port = static_cast<std::uint16_t>(traffic.first_port + random() % 100);
    return traffic;
  };
  vpc::Network network;
  network.vpcs.push_back({"vpc-1", "123456789012", {*base::Prefix::parse("172.16.0.0/16")}});
  vpc::Subnet subnet;
  subnet.id = "subnet-1";
  subnet.cidrs = {*base::Prefix::parse("172.16.0.0/24")};
  network.subnets.push_back(subnet);
  vpc::NetworkAcl acl{"acl-1", {}, true, {}, {}};
  vpc::SecurityGroup group{"sg-1", "", {}, {}, {}};
  const auto all4 = *base::Prefix::parse("10.0.0.0/8");
  const auto all6 = *base::Prefix::parse("2001:db8::/32");
  for (unsigned i = 0; i + 2 < acl_rules; ++i) {
    acl.ingress.push_back(
        {static_cast<std::uint16_t>(i + 1), i % 2 == 0, any_port(), any_block(i)});
  }
  acl.ingress.push_back({32000, true, {}, all4});
  acl.ingress.push_back({32001, true, {}, all6});
  for (unsigned i = 0; i + 2 < group_rules; ++i) {
    group.ingress.push_back({std::to_string(i + 1), any_port(), any_block(i), ""});
  }
  group.ingress.push_back({"last4", {}, all4, ""});
  group.ingress.push_back({"last6", {}, all6, ""});
  network.network_acls.push_back(acl);
  network.security_groups.push_back(group);
  vpc::NetworkInterface interface;
  interface.id = "eni-1";
  interface.ipv4 = {*base::Address::parse("172.16.0.10")};
  interface.ipv6 = {*base::Address::parse("2001:db8:1::10")};
  interface.groups = {vpc::SecurityGroupIndex{0}};
  network.interfaces.push_back(interface);
  network.index();
  return network;
}

std::vector<std::uint8_t> tcp_ack(bool is_ipv6) {
  std::vector<std::uint8_t> frame(74 + (is_ipv6 ? 20 : 0));
  frame[12] = is_ipv6 ? 0x86 : 0x08;
  frame[13] = is_ipv6 ? 0xdd : 0x00;
  std::size_t tcp = 34;
  if (is_ipv6) {
    frame[14] = 0x60;
    frame[19] = 40;
    frame[20] = 6;
    const std::array<std::uint8_t, 4> prefix{0x20, 0x01, 0x0d, 0xb8};
    std::copy(prefix.begin(), prefix.end(), frame.begin() + 22);
    std::copy(prefix.begin(), prefix.end(), frame.begin() + 38);
    frame[43] = 1;
    frame[53] = 0x10;
    tcp = 54;
  } else {
    frame[14] = 0x45;
    frame[17] = 60;
    frame[23] = 6;
    const std::array<std::uint8_t, 8> addresses{10, 0, 0, 1, 172, 16, 0, 10};
    std::copy(addresses.begin(), addresses.end(), frame.begin() + 26);
  }
  frame[tcp] = 4;
  frame[tcp + 3] = 80;
  frame[tcp + 12] = 0xa0;
  frame[tcp + 13] = 0x10;
  return frame;
}

/// The memory of the program's own struct weir_bench.
live::MappedMemory<weir_bench> bench_memory(int program) {
  std::array<std::uint32_t, 32> maps{};
  bpf_prog_info info{};
  info.map_ids = reinterpret_cast<std::uintptr_t>(maps.data());
  info.nr_map_ids = maps.size();
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(program, &info, &size) != 0) std::exit(1);
  for (std::uint32_t i = 0; i < info.nr_map_ids; ++i) {
    const base::Descriptor map(bpf_map_get_fd_by_id(maps[i]));
    bpf_map_info about{};
    size = sizeof(about);
    if (bpf_obj_get_info_by_fd(map.get(), &about, &size) != 0) std::exit(1);
    if (about.value_size == sizeof(weir_bench)) {
      return must(live::MappedMemory<weir_bench>::map(map.get(), 1, "weir_bench"));
    }
  }
  std::exit(1);
}

double processor_milliseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

enum class Traffic { one_flow, log_uniform, new_flows };

struct Case {
  std::string name;
  Traffic traffic;
  bool is_ipv6;
  unsigned acl_rules;
  unsigned group_rules;
};

constexpr std::uint32_t kFlows = 262'144;
constexpr base::UnixMicros kNow{std::chrono::hours(500'000)};

/// One program under one kind of traffic.
class Subject {
 public:
  Subject(const Case& of, std::span<const std::byte> object, const char* program)
      : case_(of),
        datapath_(must(live::Datapath::load({.flows = of.is_ipv6 ? 512 : room(),
                                             .ipv6_flows = of.is_ipv6 ? room() : 512,
                                             .connections = std::size_t{1} << 22U,
                                             .ports = 1},
                                            {.object = object, .program = program}))),
        port_(must(datapath_.add_port(live::Mode::observe, true))),
        memory_(bench_memory(datapath_.program(port_, vpc::Direction::ingress))),
        frame_(tcp_ack(of.is_ipv6)) {
    const auto network = network_with(of.acl_rules, of.group_rules);
    const auto policy = must(policy::Policy::compile(network));
    const std::array interfaces{vpc::InterfaceIndex{0}};
    if (auto done = datapath_.publish(policy, interfaces); !done) std::exit(1);
    weir_bench& bench = memory_.get().front();
    bench.is_ipv6 = of.is_ipv6 ? 1 : 0;
    bench.is_counting = of.traffic == Traffic::new_flows ? 1 : 0;
    std::mt19937_64 random(7);
    std::uniform_real_distribution<double> uniform(0, std::log(kFlows));
    for (auto& key : bench.keys) {
      // Any flow, where each time twice as many are half as popular; scattered over the addresses.
      const auto rank = static_cast<std::uint32_t>(std::exp(uniform(random)));
      key = of.traffic == Traffic::one_flow ? 1 : rank * 2654435761U;
    }
  }

  /// Nanoseconds a packet.
  double run() {
    const bool is_new = case_.traffic == Traffic::new_flows;
    const std::uint32_t repeat = is_new ? kFlows / 2 : 2'000'000;
    const int program = datapath_.program(port_, vpc::Direction::ingress);
    if (!is_new) must(live::test_run(program, frame_, repeat / 2));
    const auto run = must(live::test_run(program, frame_, repeat));
    const auto points = must(datapath_.drain({}, [](const live::DrainedFlow&) {}));
    for (const auto& point : points) {
      if (point.accounted() != point.seen() || point.overflow() > point.seen() / 1000 ||
          point.counts.of[WEIR_NOT_TRACKED] != 0 || point.counts.of[WEIR_SEEN_MALFORMED] != 0) {
        fmt::print(stderr, "packet_path: {}: seen {}, accounted {}, overflow {}, not tracked {}\n",
                   case_.name, point.seen(), point.accounted(), point.overflow(),
                   point.counts.of[WEIR_NOT_TRACKED]);
      }
    }
    return static_cast<double>(run.each.count());
  }

  /// Milliseconds of a processor for a drain of `flows` flows, one packet of each, which are the
  /// same each time and handed to `visit`. What is left out is the wait for programs that run: 8-20
  /// ms of nobody's time.
  double drain(std::uint32_t flows, const live::Datapath::Visit& visit) {
    memory_.get().front().next = 0;
    must(live::test_run(datapath_.program(port_, vpc::Direction::ingress), frame_, flows));
    const double begin = processor_milliseconds();
    const auto points = must(datapath_.drain(kNow, visit));
    const double took = processor_milliseconds() - begin;
    const std::uint64_t recorded = points.front().recorded;
    if (recorded < flows - flows / 1000) {
      fmt::print(stderr, "packet_path: {} of {}\n", recorded, flows);
    }
    return took;
  }

 private:
  /// Twice as much as it needs on the processor that it runs on.
  static std::size_t room() { return std::size_t{2} * kFlows * must(live::processors()).online; }

  Case case_;
  live::Datapath datapath_;
  live::Port port_;
  live::MappedMemory<weir_bench> memory_;
  std::vector<std::uint8_t> frame_;
};

class NoRecords : public recorder::RecordSink {
 public:
  base::Expected<void> add(const record::Record& /*record*/) override { return {}; }
  base::Expected<void> completed(base::UnixSeconds /*time*/) override { return {}; }
};

/// A flow log that takes flows over, of AWS's default format.
class FlowLog {
 public:
  FlowLog()
      : network_(network_with(20, 300)),
        policy_(must(policy::Policy::compile(network_))),
        recorder_(network_, policy_, services_, settings_, sink_) {}

  void add(const live::DrainedFlow& flow) {
    if (auto done = recorder_.add(flow, vpc::InterfaceIndex{0}); !done) std::exit(1);
  }

 private:
  vpc::Network network_;
  policy::Policy policy_;
  recorder::AwsServices services_;
  recorder::Settings settings_;
  NoRecords sink_;
  recorder::LiveRecorder recorder_;
};

/// What a drain of 200,000 flows takes, in milliseconds by round.
struct Drains {
  std::vector<double> alone;  ///< read and emptied, nobody takes them over
  std::vector<double> into_new_window;
  std::vector<double> into_known;  ///< the window has all of them already
};

void measure_drains(Subject& subject, Drains& drains) {
  constexpr std::uint32_t kDrained = 200'000;
  std::uint64_t packets = 0;
  drains.alone.push_back(subject.drain(
      kDrained, [&](const live::DrainedFlow& flow) { packets += flow.counters.packets; }));
  FlowLog flow_log;
  const auto take = [&](const live::DrainedFlow& flow) { flow_log.add(flow); };
  drains.into_new_window.push_back(subject.drain(kDrained, take));
  drains.into_known.push_back(subject.drain(kDrained, take));
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print(const std::string& name, const std::vector<double>& of_rounds, const char* unit,
           int digits) {
  const auto [least, most] = std::minmax_element(of_rounds.begin(), of_rounds.end());
  fmt::print("{:<28} {:>6.{}f} {}  ({:.{}f}-{:.{}f})\n", name, median(of_rounds), digits, unit,
             *least, digits, *most, digits);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t rounds = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 5;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
  sched_setaffinity(0, sizeof(one), &one);
  const auto object = read_object();
  const std::vector<Case> cases{

      {"one flow", Traffic::one_flow, false, 20, 300},
      {"one flow, IPv6", Traffic::one_flow, true, 20, 300},
      {"262,144 flows", Traffic::log_uniform, false, 20, 300},
      {"262,144 flows, IPv6", Traffic::log_uniform, true, 20, 300},
      {"new flows, 10 rules", Traffic::new_flows, false, 3, 7},
      {"new flows, 100 rules", Traffic::new_flows, false, 20, 80},
      {"new flows, 320 rules", Traffic::new_flows, false, 20, 300},
      {"new flows, 1,000 rules", Traffic::new_flows, false, 20, 980},
      {"new flows, 320 rules, IPv6", Traffic::new_flows, true, 20, 300},
  };
  std::vector<Subject> recording;
  std::vector<Subject> empty;
  for (const Case& of : cases) {
    recording.emplace_back(of, object, "weir_bench_record");
    empty.emplace_back(of, object, "weir_bench_empty");
  }
  std::vector<std::vector<double>> costs(cases.size());
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const double base = empty[i].run();
      costs[i].push_back(recording[i].run() - base);
    }
  }
  for (std::size_t i = 0; i < cases.size(); ++i) print(cases[i].name, costs[i], "ns", 0);
  Drains drains;
  for (std::size_t round = 0; round < rounds; ++round) measure_drains(recording[6], drains);
  fmt::print("drain of 200,000 flows, the wait for running programs apart\n");
  print("  read and emptied", drains.alone, "ms", 1);
  print("  into a new window", drains.into_new_window, "ms", 1);
  print("  into one that has them", drains.into_known, "ms", 1);
}
