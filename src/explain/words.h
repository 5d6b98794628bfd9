// Findings in sentences that a newcomer understands.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "explain/finding.h"

namespace weir::explain {

enum class Language : std::uint8_t { english, japanese };

/// "en" or "ja".
std::optional<Language> language_of(std::string_view code);

/// "TCP port 22", "ICMP"; the service that a reply comes from.
std::string service_of(const Finding& finding, Language language);

/// "3 packets".
enum class Thing : std::uint8_t { flow, packet, byte };
std::string counted(std::uint64_t count, Thing thing, Language language);

/// Who may not send what to whom, and why: one or a few sentences.
std::string sentence(const Finding& finding, Language language);

/// Only why, without a full stop: "no inbound rule of security group sg-… allows it".
std::string why(const Finding& finding, Language language);

/// What stands around sentences in a text for people.
struct Labels {
  std::string_view heading;   ///< {cause} {certainty} {rule} {service} {flows} {packets} {bytes}
  std::string_view rests_on;  ///< {records}
  std::string_view fix;       ///< {commands}
  std::string_view fix_for_reply;
  std::string_view no_number;    ///< there is no fix, since no number is free
  std::string_view more_fixes;   ///< {flows}, where there is a fix
  std::string_view more;         ///< {flows}
  std::string_view more_groups;  ///< {groups}
  std::string_view nothing;      ///< no record was refused
  std::string_view hint_vpc;     ///< where something stayed undecided without a description
  std::array<std::string_view, 3> certainties;
  std::string_view no_rule;
};
const Labels& labels(Language language);

}  // namespace weir::explain
