#include "deliver/policy_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace weir::deliver {
namespace {

using OrderedJson = nlohmann::ordered_json;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// A text, or a list of them; true and 1 can stand without quotes.
std::vector<std::string> texts_of(const OrderedJson& json) {
  std::vector<std::string> out;
  const auto add = [&out](const OrderedJson& each) {
    out.push_back(each.is_string() ? each.get<std::string>() : each.dump());
  };
  if (json.is_array()) {
    for (const OrderedJson& each : json) add(each);
  } else {
    add(json);
  }
  return out;
}

bool any_matches(const OrderedJson& patterns, std::string_view text, bool ignores_case) {
  for (const std::string& pattern : texts_of(patterns)) {
    const bool is_match = ignores_case ? matches_wildcard(lower(pattern), lower(text))
                                       : matches_wildcard(pattern, text);
    if (is_match) return true;
  }
  return false;
}

bool names_principal(const OrderedJson& principal, const PolicyRequest& request) {
  if (principal.is_string()) return principal == "*";
  if (!principal.is_object()) return false;
  for (const auto& [kind, names] : principal.items()) {
    for (const std::string& name : texts_of(names)) {
      if (kind == "AWS" && name == "*") return true;
      if (kind == "AWS" && !request.principal.empty() && name == request.principal) return true;
      if (kind == "Service" && !request.service.empty() && name == request.service) return true;
    }
  }
  return false;
}

struct Operator {
  bool is_understood = false;
  bool is_negated = false;
  bool has_wildcards = false;
  bool ignores_case = false;
  bool if_exists = false;
};

Operator read_operator(std::string name) {
  Operator out;
  constexpr std::string_view kIfExists = "IfExists";
  if (name.ends_with(kIfExists)) {
    out.if_exists = true;
    name.resize(name.size() - kIfExists.size());
  }
  if (const std::size_t negation = name.find("Not"); negation != std::string::npos) {
    out.is_negated = true;
    name.erase(negation, 3);
  }
  out.has_wildcards = name == "StringLike" || name == "ArnLike" || name == "ArnEquals";
  out.ignores_case = name == "StringEqualsIgnoreCase" || name == "Bool";
  out.is_understood = out.has_wildcards || out.ignores_case || name == "StringEquals";
  return out;
}

Match negated(bool is_negated, bool holds) {
  return holds != is_negated ? Match::yes : Match::no;
}

/// One line of a condition: an operator, a key and its values.
Match holds(const std::string& name, const std::string& key, const OrderedJson& values,
            const PolicyRequest& request) {
  const auto place = request.context.find(lower(key));
  if (place == request.context.end()) return Match::unknown;
  const std::string& value = place->second;
  if (name == "Null") {
    const std::vector<std::string> wanted = texts_of(values);
    return negated(false, !wanted.empty() && (lower(wanted[0]) == "true") == value.empty());
  }
  const Operator how = read_operator(name);
  if (!how.is_understood) return Match::unknown;
  // A key that is not there: positive operators fail, negated ones and …IfExists hold.
  if (value.empty()) return how.is_negated || how.if_exists ? Match::yes : Match::no;
  for (const std::string& wanted : texts_of(values)) {
    const bool is_equal = how.has_wildcards  ? matches_wildcard(wanted, value)
                          : how.ignores_case ? lower(wanted) == lower(value)
                                             : wanted == value;
    if (is_equal) return negated(how.is_negated, true);
  }
  return negated(how.is_negated, false);
}

void match_conditions(const OrderedJson& conditions, const PolicyRequest& request,
                      MatchResult& result) {
  if (!conditions.is_object()) return;
  for (const auto& [name, keys] : conditions.items()) {
    if (!keys.is_object()) continue;
    for (const auto& [key, values] : keys.items()) {
      const Match match = holds(name, key, values, request);
      if (match == Match::yes || result.match == Match::no) continue;
      result.match = match;
      const std::string line = fmt::format("its condition {} {} {}", name, key, values.dump());
      result.why = match == Match::no ? line + " does not hold"
                                      : fmt::format("whether {} holds cannot be told", line);
    }
  }
}

}  // namespace

bool matches_wildcard(std::string_view pattern, std::string_view text) {
  // Greedy with one place to come back to: linear in practice, never exponential.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == text[t] || pattern[p] == '?') &&
               text[t] != kAnything) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

MatchResult match_statement(const OrderedJson& statement, const PolicyRequest& request) {
  MatchResult result;
  if (!statement.is_object()) return result;
  const OrderedJson nothing = OrderedJson::array();
  const auto part = [&](const char* name) -> const OrderedJson& {
    const auto place = statement.find(name);
    return place == statement.end() ? nothing : *place;
  };
  // With Not… the rest of the world is meant.
  const bool is_principal = statement.contains("NotPrincipal")
                                ? !names_principal(part("NotPrincipal"), request)
                                : names_principal(part("Principal"), request);
  const bool is_action = statement.contains("NotAction")
                             ? !any_matches(part("NotAction"), request.action, true)
                             : any_matches(part("Action"), request.action, true);
  if (!is_principal || !is_action) return result;
  result.is_near = true;
  const bool is_resource = statement.contains("NotResource")
                               ? !any_matches(part("NotResource"), request.resource, false)
                               : any_matches(part("Resource"), request.resource, false);
  if (!is_resource) {
    result.why = "it is about " + part("Resource").dump();
    return result;
  }
  result.match = Match::yes;
  match_conditions(part("Condition"), request, result);
  return result;
}

}  // namespace weir::deliver
