// The oracle of the verdict's tests: AWS's rules read one by one, in order, from the description,
// with nothing compiled, cached or shared with the evaluator under test.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "packet/packet.h"
#include "vpc/network.h"

namespace weir::oracle {

struct Verdict {
  bool accept = false;
  bool unlogged = false;
  std::string cause;       ///< "", "SECURITY_GROUP", "NETWORK_ACL", "CONNECTION_CLOSED"
  std::string group_rule;  ///< as weir-security-group-rule; empty: not asked
  std::string acl_rule;
};

class Naive {
 public:
  explicit Naive(const vpc::Network& network) : network_(network) {}

  Verdict judge(const vpc::NetworkInterface& interface, vpc::Direction direction,
                const weir_packet& packet, std::int64_t now_micros);

 private:
  struct Connection {
    vpc::Direction opened_by{};
    std::string rule;
    std::int64_t last = 0;
    vpc::Direction last_direction{};
    int turns = 0;
    bool fin_in = false;
    bool fin_out = false;
    bool is_closed = false;
  };
  /// Interface, local and remote address, protocol, local and remote port.
  using Key =
      std::tuple<std::string, base::Address, base::Address, int, std::uint32_t, std::uint32_t>;

  struct GroupAnswer {
    bool allows = false;
    std::string rule;
    bool for_everyone = false;
  };

  struct AclAnswer {
    bool allows = false;
    std::string rule;
  };
  struct Memory {
    Connection* connection = nullptr;
    std::string rule;
    bool was_closed = false;
  };

  AclAnswer ask_acl(const vpc::NetworkInterface& interface, vpc::Direction direction,
                    const weir_packet& packet, std::optional<int> port,
                    const base::Address& peer) const;
  Memory recall(const Key& key, vpc::Direction direction, const weir_packet& packet,
                std::int64_t now);
  Memory recall_fragment(const Key& key, std::int64_t now);
  bool is_untracked(const vpc::NetworkInterface& interface, vpc::Direction direction,
                    const weir_packet& packet, const GroupAnswer& groups,
                    const base::Address& peer) const;
  bool opens_connection(const vpc::NetworkInterface& interface, vpc::Direction direction,
                        const weir_packet& packet, const GroupAnswer& groups,
                        const base::Address& peer) const;
  static Connection fresh_connection(vpc::Direction direction, const std::string& rule,
                                     const weir_packet& packet, std::int64_t now);
  static Key key_of(const vpc::NetworkInterface& interface, vpc::Direction direction,
                    const weir_packet& packet);
  bool is_reserved(const vpc::NetworkInterface& interface, const std::string& peer) const;
  bool is_amazon_dns(const vpc::NetworkInterface& interface, const std::string& peer) const;
  bool is_service(const vpc::NetworkInterface& interface, const weir_packet& packet, int port,
                  const std::string& peer) const;
  GroupAnswer ask_groups(const vpc::NetworkInterface& interface, vpc::Direction direction,
                         const weir_packet& packet, std::optional<int> port,
                         const base::Address& peer) const;
  bool is_open(const vpc::NetworkInterface& interface, vpc::Direction direction,
               const weir_packet& packet) const;
  bool is_peer(const vpc::SecurityGroupRule& rule, const base::Address& address) const;
  bool is_for_everyone(const vpc::SecurityGroupRule& rule, base::Family family) const;
  std::optional<bool> exempt(const vpc::NetworkInterface& interface, const weir_packet& packet,
                             vpc::Direction direction) const;
  static bool is_over(const Connection& connection, int protocol, std::int64_t now);
  static void note(Connection& connection, vpc::Direction direction, const weir_packet& packet,
                   std::int64_t now);

  const vpc::Network& network_;
  std::map<Key, Connection> connections_;
  std::map<Key, Connection> fragments_;  ///< ports: direction and identification
};

}  // namespace weir::oracle
