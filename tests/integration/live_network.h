// What the tests of live recording stand on: network namespaces, sockets in them, and a network
// description with the rules that a test asks for.
#pragma once

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/descriptor.h"
#include "base/time.h"
#include "live/kernel.h"
#include "vpc/read.h"

namespace weir::live {

/// Two hosts that a test connects, as seen from the interface's owner.
inline constexpr const char* kOwner = "10.0.0.10";
inline constexpr const char* kPeer = "10.0.0.20";

inline base::UnixMicros now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

struct Ended {
  int status = -1;
  std::string output;
};

/// Runs a program; its words are apart by single spaces.
inline Ended run_program(const std::string& command) {
  std::vector<std::string> words;
  std::istringstream text(command);
  for (std::string word; text >> word;) words.push_back(word);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::array<int, 2> ends{-1, -1};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const base::Descriptor output(ends[0]);
  Ended ended;
  pid_t child = -1;
  {
    const base::Descriptor input(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, input.get(), STDERR_FILENO);
    const int error =
        posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return ended;
  }
  std::array<char, 4096> buffer{};
  for (ssize_t size = 0; (size = read(output.get(), buffer.data(), buffer.size())) > 0;) {
    ended.output.append(buffer.data(), static_cast<std::size_t>(size));
  }
  waitpid(child, &ended.status, 0);
  return ended;
}

/// The exit status.
inline int status_of(const std::string& command) {
  return run_program(command).status;
}

/// Looks until it holds, for a minute at most.
template <typename Condition>
bool eventually(Condition holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

/// A network namespace with a name, gone with the object.
class Space {
 public:
  explicit Space(const std::string& role) : name_("weir-" + role + "-" + std::to_string(getpid())) {
    EXPECT_EQ(status_of("ip netns add " + name_), 0);
    // Or the kernel would talk on its own, and nothing could be counted.
    run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
    run("ip link set lo up");
  }
  Space(const Space&) = delete;
  Space& operator=(const Space&) = delete;
  ~Space() { status_of("ip netns del " + name_); }

  [[nodiscard]] const std::string& name() const { return name_; }

  void run(const std::string& command) const {
    EXPECT_EQ(status_of("ip netns exec " + name_ + " " + command), 0) << command;
  }
  [[nodiscard]] std::string ask(const std::string& command) const {
    return run_program("ip netns exec " + name_ + " " + command).output;
  }
  /// Of eth0: "rx_packets" and its like.
  [[nodiscard]] std::uint64_t statistic(const std::string& what) const {
    return std::stoull(ask("cat /sys/class/net/eth0/statistics/" + what));
  }

  /// A socket that lives in the namespace.
  [[nodiscard]] base::Descriptor socket(int type, int family = AF_INET) const {
    int made = -1;
    std::thread([&] {
      const base::Descriptor space(open(("/run/netns/" + name_).c_str(), O_RDONLY | O_CLOEXEC));
      if (setns(space.get(), CLONE_NEWNET) == 0) made = ::socket(family, type | SOCK_CLOEXEC, 0);
    }).join();
    EXPECT_GE(made, 0);
    return base::Descriptor(made);
  }

 private:
  std::string name_;
};

/// Calls `work` with the device's number, in a thread of its own in the namespace.
template <typename Work>
void at_device(const Space& space, const char* device, Work work) {
  std::thread([&] {
    const base::Descriptor own(open(("/run/netns/" + space.name()).c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(setns(own.get(), CLONE_NEWNET), 0);
    work(static_cast<int>(if_nametoindex(device)));
  }).join();
}

// Linux 6.6: BPF_TCX_INGRESS and BPF_TCX_EGRESS.
inline constexpr auto kTcxDirections =
    std::array{static_cast<bpf_attach_type>(46), static_cast<bpf_attach_type>(47)};

/// A program of somebody else, that lets every packet pass and shows it to nobody after it.
inline base::Descriptor let_all_pass() {
  constexpr std::uint8_t kSet = BPF_ALU64 | BPF_MOV | BPF_K;
  constexpr std::uint8_t kExit = BPF_JMP | BPF_EXIT;
  const std::array instructions{bpf_insn{kSet, BPF_REG_0, 0, 0, 0}, bpf_insn{kExit, 0, 0, 0, 0}};
  base::Descriptor program(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "let_all_pass", "GPL",
                                         instructions.data(), instructions.size(), nullptr));
  EXPECT_TRUE(program.is_open());
  return program;
}

/// It comes first in both directions of a device's tcx, as long as the object is there.
class Another {
 public:
  Another(const Space& space, const char* device,
          const base::Descriptor& program = let_all_pass()) {
    at_device(space, device, [&](int index) {
      for (const auto direction : kTcxDirections) {
        bpf_attr attributes{};
        attributes.link_create.prog_fd = static_cast<std::uint32_t>(program.get());
        attributes.link_create.target_ifindex = static_cast<std::uint32_t>(index);
        attributes.link_create.attach_type = direction;
        attributes.link_create.flags = 1U << 3U;  // BPF_F_BEFORE
        const auto link = syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes));
        EXPECT_GE(link, 0);
        links_.emplace_back(static_cast<int>(link));
      }
    });
  }

 private:
  std::vector<base::Descriptor> links_;
};

/// The numbers of the programs that hang at a device's tcx: of what it receives, then of what it
/// sends.
inline std::vector<std::uint32_t> programs_at(const Space& space, const char* device) {
  std::vector<std::uint32_t> out;
  at_device(space, device, [&](int index) {
    for (const auto where : kTcxDirections) {
      std::array<std::uint32_t, 16> programs{};
      std::uint32_t count = programs.size();
      if (bpf_prog_query(index, where, 0, nullptr, programs.data(), &count) != 0) continue;
      out.insert(out.end(), programs.begin(), programs.begin() + count);
    }
  });
  return out;
}

/// Detaches a program of a tcx, as an administrator may. False: it hangs nowhere.
inline bool take_away(std::uint32_t program) {
  std::uint32_t id = 0;
  while (bpf_link_get_next_id(id, &id) == 0) {
    const base::Descriptor link(bpf_link_get_fd_by_id(id));
    bpf_link_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(link.get(), &info, &size) == 0 && info.prog_id == program) {
      return bpf_link_detach(link.get()) == 0;
    }
  }
  return false;
}

/// A figure of /proc/net/snmp or netstat, such as "Tcp: OutSegs".
inline std::uint64_t kernel_counts(const Space& space, const std::string& file,
                                   const std::string& table, const std::string& name) {
  std::istringstream text(space.ask("cat /proc/net/" + file));
  std::string names;
  std::string values;
  while (std::getline(text, names) && std::getline(text, values)) {
    std::istringstream name_words(names);
    std::istringstream value_words(values);
    std::string word;
    std::string value;
    name_words >> word;
    value_words >> value;
    if (word != table) continue;
    while (name_words >> word && value_words >> value) {
      if (word == name) return std::stoull(value);
    }
  }
  ADD_FAILURE() << table << " has no " << name;
  return 0;
}

inline sockaddr_in endpoint(const char* address, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  inet_pton(AF_INET, address, &out.sin_addr);
  return out;
}

inline int bind_to(const base::Descriptor& socket, const sockaddr_in& address) {
  return bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}
inline int connect_to(const base::Descriptor& socket, const sockaddr_in& address) {
  return connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}
inline bool send_to(const base::Descriptor& socket, const sockaddr_in& address, std::size_t bytes) {
  const std::string data(bytes, 'x');
  return sendto(socket.get(), data.data(), bytes, 0, reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) == static_cast<ssize_t>(bytes);
}

/// Two hosts and the links between them.
class Hosts : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "network namespaces and kernel programs need root";
    owner.emplace("owner");
    peer.emplace("peer");
  }

  /// Nobody on the link says anything but what a test says: both ends know each other's addresses.
  void connect(const std::string& device, const std::string& own, const std::string& other) const {
    ASSERT_EQ(status_of("ip -n " + owner->name() + " link add " + device +
                        " address 02:00:00:00:00:01 type veth peer name " + device +
                        " address 02:00:00:00:00:02 netns " + peer->name()),
              0);
    const auto bring_up = [&](const Space& space, const std::string& address,
                              const std::string& neighbour, const char* link_address) {
      space.run("ip addr add " + address + "/24 dev " + device);
      space.run("ip link set " + device + " up");
      space.run("ip neigh add " + neighbour + " lladdr " + link_address + " dev " + device);
    };
    bring_up(*owner, own, other, "02:00:00:00:00:02");
    bring_up(*peer, other, own, "02:00:00:00:00:01");
  }

  std::optional<Space> owner;  ///< whose packets are recorded
  std::optional<Space> peer;
};

/// One interface, 10.0.0.10, in a group with these permissions; its subnet's ACL allows everything.
inline vpc::Network network_with(const std::string& ingress, const std::string& egress) {
  const std::string all = R"("Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0")";
  const std::string json =
      R"({"Vpcs": [{"VpcId": "vpc-1", "OwnerId": "123456789012", "CidrBlock": "10.0.0.0/16"}],
      "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.0.0/28"}],
      "SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissions": [)" +
      ingress + R"(], "IpPermissionsEgress": [)" + egress +
      R"(]}],
      "NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true, "Entries": [
        {"RuleNumber": 100, "Egress": true, )" +
      all + R"(}, {"RuleNumber": 100, "Egress": false, )" + all +
      R"(}]}],
      "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "VpcId": "vpc-1",
        "SubnetId": "subnet-1", "PrivateIpAddress": "10.0.0.10",
        "Groups": [{"GroupId": "sg-1"}]}]})";
  vpc::Reading reading = vpc::read_description(json, "test");
  EXPECT_TRUE(reading.errors.empty()) << reading.errors.front().message();
  return std::move(reading.network);
}

inline const char* const kEverything =
    R"({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]})";

inline std::string udp(int port, const std::string& from) {
  const std::string number = std::to_string(port);
  return R"({"IpProtocol": "udp", "FromPort": )" + number + R"(, "ToPort": )" + number +
         R"(, "IpRanges": [{"CidrIp": ")" + from + R"("}]})";
}

}  // namespace weir::live
