// Named questions about flow logs: one table, which `weir report`, its list and the tests read.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "base/time.h"

namespace weir::query {

/// A question and its SQL. Places in braces take values (ReportValues): `{limit}`, `{at least}`,
/// `{per}`, `{since}`, and `{srcaddr is address}` or `{dstaddr is address}` for a condition.
/// `{plots}` stands before FROM and is for people's eyes.
struct Report {
  std::string_view name;      ///< AWS's own for AWS's questions (facts/flow-logs.md §9)
  std::string_view question;  ///< what it answers
  std::string_view fields;    ///< without which there is no answer; a space between
  std::string_view sql;       ///< one SELECT
  std::uint64_t limit = 50;
  std::uint64_t at_least = 10;
  /// One SELECT of a sentence, or NULL: what the answer cannot tell by itself. May be empty.
  std::string_view caution_sql = {};

  [[nodiscard]] std::vector<std::string_view> field_names() const;
  /// Does its SQL have the place?
  [[nodiscard]] bool takes(std::string_view place) const;
};

/// What a user may say; nothing: the report's own default, where it has one. Typed, so that no text
/// of a user's gets into SQL.
struct ReportValues {
  std::optional<base::Address> address;
  std::optional<std::uint64_t> limit;
  std::optional<std::uint64_t> at_least;
  std::optional<std::chrono::seconds> per;
  std::optional<base::UnixSeconds> since;
};

/// AWS's sixteen first, then ours.
std::span<const Report> reports();

/// In any case, with or without dashes and AWS's "VpcFlowLogs": `top-talkers` is
/// VpcFlowLogsTopTalkers.
const Report* find_report(std::string_view name);
/// The nearest name, as a hint.
std::string report_suggestion(std::string_view name);

/// SQL that runs as it is. `with_plots` adds columns that draw. Error: a value is missing, or given
/// to a report that does not take it; it names the option.
base::Expected<std::string> sql_of(const Report& report, const ReportValues& values,
                                   bool with_plots);

/// The report's caution_sql as it runs.
std::string caution_sql_of(const Report& report, const ReportValues& values);

}  // namespace weir::query
