// One layer's rules for one direction and family, from a list to the sorted sets of bpf/policy.h.
#pragma once

#include <cstdint>
#include <vector>

#include "base/address.h"
#include "vpc/network.h"

extern "C" {
#include "bpf/policy.h"
}

namespace weir::policy {

/// A rule as the compiler sees it: whose, which packets, and what it is called. The order of a list
/// of them is the order in which they are asked.
struct CompilerRule {
  std::uint32_t name = WEIR_RULE_NONE;
  bool allow = true;
  vpc::TrafficClass traffic;
  std::vector<base::Prefix> peers;
};

/// Appends to `arena` what the rules need and returns where it lies. Rules without a peer in
/// `family` are left out. REQUIRES: at most WEIR_MAX_RULE_WORDS * 64 rules.
weir_rules compile_rules(const std::vector<CompilerRule>& rules, base::Family family,
                         std::uint32_t fallback, std::vector<std::uint64_t>& arena);

}  // namespace weir::policy
