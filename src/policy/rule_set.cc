#include "policy/rule_set.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace weir::policy {
namespace {

constexpr std::size_t kWordBits = 64;
constexpr std::uint32_t kPortEnd = 65536;

/// The values of the port dimension that a rule holds for: ports, or ICMP type and code as one
/// number.
struct PortInterval {
  std::uint32_t first = 0;
  std::uint32_t end = kPortEnd;
  [[nodiscard]] bool is_everything() const { return first == 0 && end == kPortEnd; }
};

PortInterval port_interval(const vpc::TrafficClass& traffic) {
  if (traffic.icmp_type) {
    std::uint32_t type = *traffic.icmp_type * 256U;
    if (!traffic.icmp_code) return {type, type + 256};
    return {type + *traffic.icmp_code, type + *traffic.icmp_code + 1U};
  }
  return {traffic.first_port, traffic.last_port + 1U};
}

/// The address after `address`, in the order of bpf/policy.h; false after the very last one.
bool next(base::Address& address) {
  if (++address.low != 0) return true;
  return ++address.high != 0;
}

template <typename T>
void sort_unique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

template <typename T>
std::size_t index_of(const std::vector<T>& values, const T& value) {
  return static_cast<std::size_t>(std::lower_bound(values.begin(), values.end(), value) -
                                  values.begin());
}

class RuleSetCompiler {
 public:
  RuleSetCompiler(std::vector<const CompilerRule*> rules, base::Family family,
                  std::vector<std::uint64_t>& arena)
      : rules_(std::move(rules)),
        family_(family),
        arena_(arena),
        words_((rules_.size() + kWordBits - 1) / kWordBits) {}

  weir_rules compile(std::uint32_t fallback) {
    weir_rules out{};
    out.fallback = fallback;
    if (rules_.empty()) return out;
    out.words = static_cast<std::uint32_t>(words_);
    out.rule_ids = here();
    for (const CompilerRule* rule : rules_) arena_.push_back(rule->name);
    arena_.resize(out.rule_ids + words_ * kWordBits, WEIR_RULE_NONE);
    compile_addresses(out);
    compile_ports(out);
    compile_protocols(out);
    out.allow_set = set_of([](const CompilerRule& rule) { return rule.allow; });
    out.everyone_set = set_of([this](const CompilerRule& rule) {
      return std::any_of(rule.peers.begin(), rule.peers.end(), [this](const base::Prefix& peer) {
        return peer.family == family_ && peer.is_everything();
      });
    });
    return out;
  }

 private:
  [[nodiscard]] std::uint32_t here() const { return static_cast<std::uint32_t>(arena_.size()); }

  std::uint32_t new_sets(std::size_t count) {
    std::uint32_t at = here();
    arena_.resize(at + count * words_);
    return at;
  }

  void mark(std::uint32_t sets, std::size_t element, std::size_t rule) {
    arena_[sets + element * words_ + rule / kWordBits] |= std::uint64_t{1} << (rule % kWordBits);
  }

  template <typename Predicate>
  std::uint32_t set_of(Predicate holds) {
    std::uint32_t set = new_sets(1);
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      if (holds(*rules_[i])) mark(set, 0, i);
    }
    return set;
  }

  void compile_addresses(weir_rules& out) {
    std::vector<base::Address> starts{base::Address{}};
    for (const CompilerRule* rule : rules_) {
      for (const base::Prefix& peer : rule->peers) {
        if (peer.family != family_) continue;
        starts.push_back(peer.first());
        base::Address end = peer.last();
        if (next(end)) starts.push_back(end);
      }
    }
    sort_unique(starts);
    out.address_count = static_cast<std::uint32_t>(starts.size());
    out.addresses = here();
    for (const base::Address& start : starts) {
      if (family_ == base::Family::ipv6) arena_.push_back(start.high);
      arena_.push_back(start.low);
    }
    out.address_sets = new_sets(starts.size());
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      for (const base::Prefix& peer : rules_[i]->peers) {
        if (peer.family != family_) continue;
        base::Address end = peer.last();
        std::size_t last = next(end) ? index_of(starts, end) : starts.size();
        for (std::size_t at = index_of(starts, peer.first()); at < last; ++at) {
          mark(out.address_sets, at, i);
        }
      }
    }
  }

  void compile_ports(weir_rules& out) {
    std::vector<std::uint32_t> starts{0};
    for (const CompilerRule* rule : rules_) {
      PortInterval ports = port_interval(rule->traffic);
      starts.push_back(ports.first);
      if (ports.end < kPortEnd) starts.push_back(ports.end);
    }
    sort_unique(starts);
    out.port_count = static_cast<std::uint32_t>(starts.size());
    out.ports = here();
    arena_.insert(arena_.end(), starts.begin(), starts.end());
    out.port_sets = new_sets(starts.size());
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      PortInterval ports = port_interval(rules_[i]->traffic);
      std::size_t last = index_of(starts, ports.end);
      for (std::size_t at = index_of(starts, ports.first); at < last; ++at) {
        mark(out.port_sets, at, i);
      }
    }
    out.no_port_set = set_of(
        [](const CompilerRule& rule) { return port_interval(rule.traffic).is_everything(); });
  }

  void compile_protocols(weir_rules& out) {
    std::vector<std::uint8_t> named;
    for (const CompilerRule* rule : rules_) {
      if (rule->traffic.protocol) named.push_back(*rule->traffic.protocol);
    }
    sort_unique(named);
    // Class 0 is every protocol that no rule names; where rules name all 256, it is the last one,
    // since a class's number has to fit a byte.
    if (named.size() == 256) named.pop_back();
    out.protocol_sets = new_sets(named.size() + 1);
    for (std::size_t i = 0; i < named.size(); ++i) {
      out.protocol_class[named[i]] = static_cast<std::uint8_t>(i + 1);
    }
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      const auto& protocol = rules_[i]->traffic.protocol;
      for (std::size_t at = 0; at <= named.size(); ++at) {
        if (!protocol || out.protocol_class[*protocol] == at) mark(out.protocol_sets, at, i);
      }
    }
  }

  std::vector<const CompilerRule*> rules_;
  base::Family family_;
  std::vector<std::uint64_t>& arena_;
  std::size_t words_;
};

}  // namespace

weir_rules compile_rules(const std::vector<CompilerRule>& rules, base::Family family,
                         std::uint32_t fallback, std::vector<std::uint64_t>& arena) {
  std::vector<const CompilerRule*> of_family;
  for (const CompilerRule& rule : rules) {
    if (std::any_of(rule.peers.begin(), rule.peers.end(),
                    [&](const base::Prefix& peer) { return peer.family == family; })) {
      of_family.push_back(&rule);
    }
  }
  return RuleSetCompiler(std::move(of_family), family, arena).compile(fallback);
}

}  // namespace weir::policy
