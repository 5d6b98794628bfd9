#include "query/reports.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.h"
#include "base/time.h"
#include "query/report_table.h"

namespace weir::query {
namespace {

/// What names are compared by: `VpcFlowLogsIPv4Traffic` and `ipv4-traffic` are both "ipv4traffic".
std::string folded(std::string_view name) {
  constexpr std::string_view kPrefix = "vpcflowlogs";
  std::string out;
  for (const char c : name) {
    if (c == '-' || c == '_') continue;
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (out.starts_with(kPrefix)) out.erase(0, kPrefix.size());
  return out;
}

/// Addresses in logs may be written in another way than ours only in IPv6 (facts/flow-logs.md
/// §1.2).
std::string address_condition(std::string_view column, const base::Address& address) {
  const std::string text = address.to_string();
  if (address.family() == base::Family::ipv4) return fmt::format("{} = '{}'", column, text);
  return fmt::format("cidr_contains('{}/128', {})", text, column);
}

std::string plot(std::string_view column, std::string_view name) {
  constexpr int kWidth = 30;
  return fmt::format(
      ",\n       rtrim(bar({0}, 0, greatest(max(accepted_bytes) OVER (), max(refused_bytes) OVER "
      "(), "
      "1), {2})) AS {1}",
      column, name, kWidth);
}

/// One place of a report's SQL and what it takes.
struct Place {
  std::string_view name;
  std::string_view option;  ///< that the user gives it with; empty: none
  bool is_given;
  std::optional<std::string> text;  ///< nothing: the user has to give it
};

template <typename T>
std::string number_or_null(const std::optional<T>& value) {
  return value ? fmt::format("{}", value->count()) : "NULL";
}

std::vector<Place> places_of(const Report& report, const ReportValues& values, bool with_plots) {
  const auto is_address = [&](std::string_view column) -> std::optional<std::string> {
    if (!values.address) return std::nullopt;
    return address_condition(column, *values.address);
  };
  return {
      {"{limit}", "--limit", values.limit.has_value(),
       std::to_string(values.limit.value_or(report.limit))},
      {"{at least}", "--at-least", values.at_least.has_value(),
       std::to_string(values.at_least.value_or(report.at_least))},
      {"{per}", "--per", values.per.has_value(), number_or_null(values.per)},
      {"{srcaddr is address}", "--address", values.address.has_value(), is_address("srcaddr")},
      {"{dstaddr is address}", "--address", values.address.has_value(), is_address("dstaddr")},
      // Whoever does not take --since as a place has the engine's.
      {"{since}", "", values.since.has_value(),
       values.since ? fmt::format("TIMESTAMP '{:%Y-%m-%d %H:%M:%S}'", base::in_utc(*values.since))
                    : "NULL"},
      {"{plots}", "", with_plots,
       with_plots ? plot("accepted_bytes", "accepted") + plot("refused_bytes", "refused") : ""},
  };
}

void replace_all(std::string& text, std::string_view place, std::string_view with) {
  for (std::size_t at = text.find(place); at != std::string::npos;
       at = text.find(place, at + with.size())) {
    text.replace(at, place.size(), with);
  }
}

}  // namespace

std::vector<std::string_view> Report::field_names() const {
  std::vector<std::string_view> names;
  std::string_view rest = fields;
  while (!rest.empty()) {
    const std::size_t space = std::min(rest.find(' '), rest.size());
    names.push_back(rest.substr(0, space));
    rest.remove_prefix(std::min(space + 1, rest.size()));
  }
  return names;
}

bool Report::takes(std::string_view place) const {
  return sql.find(place) != std::string_view::npos;
}

std::span<const Report> reports() {
  static const std::vector<Report> kAll = [] {
    std::vector<Report> all(aws_reports().begin(), aws_reports().end());
    all.insert(all.end(), own_reports().begin(), own_reports().end());
    return all;
  }();
  return kAll;
}

const Report* find_report(std::string_view name) {
  const std::string wanted = folded(name);
  for (const Report& report : reports()) {
    if (folded(report.name) == wanted) return &report;
  }
  return nullptr;
}

std::string report_suggestion(std::string_view name) {
  std::vector<std::string> names;
  for (const Report& report : reports()) names.push_back(folded(report.name));
  const std::vector<std::string_view> views(names.begin(), names.end());
  const auto nearest = base::nearest(folded(name), views);
  if (!nearest) return "`weir report` lists them";
  return "did you mean " + std::string(find_report(*nearest)->name) + "?";
}

std::string caution_sql_of(const Report& report, const ReportValues& values) {
  std::string sql(report.caution_sql);
  for (const Place& place : places_of(report, values, false)) {
    if (place.text) replace_all(sql, place.name, *place.text);
  }
  return sql;
}

base::Expected<std::string> sql_of(const Report& report, const ReportValues& values,
                                   bool with_plots) {
  std::string sql(report.sql.substr(report.sql.find_first_not_of('\n')));
  const auto places = places_of(report, values, with_plots);
  for (const Place& place : places) {
    if (!report.takes(place.name)) {
      // Another place may take the same option.
      const bool is_taken = std::any_of(places.begin(), places.end(), [&](const Place& other) {
        return other.option == place.option && report.takes(other.name);
      });
      if (place.is_given && !place.option.empty() && !is_taken) {
        return base::fail(std::string(place.option),
                          "is nothing that " + std::string(report.name) + " takes", "leave it out");
      }
      continue;
    }
    if (!place.text) {
      return base::fail(std::string(report.name), "is about one address", "give it with --address");
    }
    replace_all(sql, place.name, *place.text);
  }
  return sql;
}

}  // namespace weir::query
