#include "explain/groups.h"

#include <algorithm>

namespace weir::explain {

void Groups::add(const Finding& finding) {
  const std::string service = service_of(finding, language_);
  Group& group = groups_[{finding.cause, finding.certainty, finding.reason, finding.rule, service}];
  if (group.flows == 0 || finding.flow.packets > group.example.flow.packets) {
    group.example = finding;
    group.service = service;
  }
  ++group.flows;
  group.packets += finding.flow.packets;
  group.bytes += finding.flow.bytes;
}

std::vector<Group> Groups::worst_first() const {
  std::vector<Group> groups;
  groups.reserve(groups_.size());
  for (const auto& [key, group] : groups_) groups.push_back(group);
  std::stable_sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) {
    return std::tie(a.flows, a.packets) > std::tie(b.flows, b.packets);
  });
  return groups;
}

}  // namespace weir::explain
