// Rules that no recorded flow needed.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "base/table.h"
#include "base/time.h"
#include "explain/conversation.h"
#include "explain/replay.h"

namespace weir::explain {

/// Notes which rules decide over recorded conversations. Where several rules let a flow through, it
/// needs the first of them: without the rules that are not noted, every verdict stays as it is.
class RuleUse {
 public:
  /// `replay` outlives it.
  explicit RuleUse(Replay& replay) : replay_(replay) {}

  void note(const Conversation& conversation);

  /// A row for each rule that was not noted, in the form of vpc::network_table without its
  /// interfaces; `seen` tells whether any of its interfaces has records at all.
  [[nodiscard]] base::Table unused() const;

  /// Accepted flows that the rules would refuse: the description is not the one of that time.
  [[nodiscard]] std::uint64_t disagreeing() const { return disagreeing_; }

 private:
  void note(vpc::InterfaceIndex interface, const Step& step, const weir_verdict& verdict);

  Replay& replay_;
  std::set<std::string, std::less<>> used_;        ///< names as in weir-security-group-rule
  std::set<std::string, std::less<>> interfaces_;  ///< that have records
  std::uint64_t disagreeing_ = 0;
};

/// What the records span.
struct Span {
  std::optional<base::UnixSeconds> first;
  std::optional<base::UnixSeconds> last;
  std::uint64_t records = 0;
  std::uint64_t skipped_windows = 0;  ///< SKIPDATA: flows are missing from them
};
base::Expected<Span> read_span(query::Engine& engine);

}  // namespace weir::explain
