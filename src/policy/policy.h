// Rules of a described network, compiled for the evaluator in bpf/policy.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "packet/packet.h"
#include "vpc/network.h"

extern "C" {
#include "bpf/policy.h"
}

namespace weir::policy {

/// Whose rules are compiled. Who is a member of which group is always told by all interfaces.
enum class Scope : std::uint8_t {
  every_interface,
  with_device,  ///< those that this host records; there may be thousands of other hosts'
};

/// Immutable once compiled. It keeps no reference to the network; interfaces have the network's
/// indices.
class Policy {
 public:
  /// Errors: more rules on one interface or subnet than WEIR_MAX_RULE_WORDS holds, a subnet with
  /// more than WEIR_MAX_SUBNET_BLOCKS blocks.
  /// `before`: rules that it had too keep their numbers, and all its numbers their names, so that
  /// what was judged by it, and connections opened under it, can still be told.
  static base::Expected<Policy> compile(const vpc::Network& network, const Policy* before = nullptr,
                                        Scope scope = Scope::every_interface);

  /// What the interface's rules say of the packet, connection tracking apart. REQUIRES: they were
  /// compiled.
  [[nodiscard]] weir_opinion ask(vpc::InterfaceIndex interface, const weir_packet& packet,
                                 vpc::Direction direction) const {
    return weir_ask_rules(arena_.data(), &interfaces_[static_cast<std::size_t>(interface)], &packet,
                          static_cast<int>(direction));
  }

  /// The text of a verdict's rule: "acl-…:ingress:100", "acl-…:egress:*", "sg-…:ingress:sgr-…",
  /// "sg-a+sg-b:ingress:*", "tracked", or empty for a layer that was not asked. Lives as long as
  /// the policy.
  [[nodiscard]] std::string_view rule_name(std::uint32_t rule) const { return names_[rule]; }

  [[nodiscard]] std::span<const std::uint64_t> arena() const { return arena_; }
  /// By the network's indices; of one that was not compiled, no rule.
  [[nodiscard]] std::span<const weir_interface> interfaces() const { return interfaces_; }

 private:
  friend class Compiler;
  std::vector<std::uint64_t> arena_;
  std::vector<weir_interface> interfaces_;
  std::vector<std::string> names_;
};

static_assert(static_cast<int>(vpc::Direction::ingress) == WEIR_INGRESS);
static_assert(static_cast<int>(vpc::Direction::egress) == WEIR_EGRESS);

}  // namespace weir::policy
