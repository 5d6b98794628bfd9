// Whether a statement of a bucket's policy speaks of a request, as IAM decides it.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace weir::deliver {

/// Stands for whatever may follow: only a "*" of a pattern matches it. A pattern that matches
/// "…/AWSLogs/123456789012/" and this covers all that lies below.
inline constexpr char kAnything = '\x01';

/// A request, as far as a policy asks about it.
struct PolicyRequest {
  std::string service;    ///< "delivery.logs.amazonaws.com"; "" if `principal` makes the request
  std::string principal;  ///< its ARN
  std::string action;     ///< "s3:PutObject"
  std::string resource;   ///< may end in kAnything
  /// By lower-case name; "" is a key that such a request surely has not. Of others nothing is
  /// known.
  std::map<std::string, std::string, std::less<>> context;
};

enum class Match : std::uint8_t { no, unknown, yes };

struct MatchResult {
  Match match = Match::no;
  /// It speaks of the principal and the action, so that a person may have meant it for this.
  bool is_near = false;
  std::string why;  ///< what does not match, or cannot be told
};

/// Conditions on keys of which nothing is known, and operators that are not understood, are
/// `unknown`.
MatchResult match_statement(const nlohmann::ordered_json& statement, const PolicyRequest& request);

/// IAM's wildcards: "*" is any run of characters, "?" is one.
bool matches_wildcard(std::string_view pattern, std::string_view text);

}  // namespace weir::deliver
