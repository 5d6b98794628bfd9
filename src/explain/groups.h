// Findings of the same cause, rule and service, for people: worst first.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "explain/finding.h"
#include "explain/words.h"

namespace weir::explain {

struct Group {
  Finding example;  ///< the one with the most packets
  std::string service;
  std::uint64_t flows = 0;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

/// Keeps one finding of each group, however many there are.
class Groups {
 public:
  explicit Groups(Language language) : language_(language) {}
  void add(const Finding& finding);
  /// By flows, then packets.
  [[nodiscard]] std::vector<Group> worst_first() const;

 private:
  using Key = std::tuple<Cause, Certainty, Reason, std::string, std::string>;
  Language language_;
  std::map<Key, Group> groups_;
};

}  // namespace weir::explain
