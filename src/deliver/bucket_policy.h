// What delivery needs of a bucket's policy: the two statements that AWS attaches to the bucket when
// a flow log is created (facts: flow logs to S3, "AWSLogDeliveryWrite20150319").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace weir::deliver {

/// A flow log's place in a bucket.
struct BucketNeeds {
  std::string bucket;
  std::string prefix;  ///< below the bucket, without slashes at its ends; "" is the bucket itself
  std::string account_id;
  std::string region;
  bool hive_compatible_partitions = false;
  /// Who delivers, where the server knows no service principals: an ARN that takes the service's
  /// place; the conditions that only AWS's services fulfil are left out. "": AWS's service.
  std::string principal;
};

/// Errors: a prefix that AWS reserves, an account or principal of no such form.
base::Expected<void> check(const BucketNeeds& needs);

/// The key prefix of everything that is delivered: "logs/AWSLogs/123456789012/".
std::string delivered_prefix(const BucketNeeds& needs);

/// A whole policy of the two statements, as AWS attaches it to a bucket without one; indented.
std::string needed_policy(const BucketNeeds& needs);

/// What a person is told of a policy that was attached: which, what it lets whom do, and why.
std::string attachment_notice(const BucketNeeds& needs);

enum class Standing : std::uint8_t {
  allowed,
  missing,
  denied,   ///< by a statement with the effect Deny, which wins over all others
  unclear,  ///< it hangs on a condition that cannot be judged from here
};

struct StatementCheck {
  std::string sid;       ///< "AWSLogDeliveryWrite"
  std::string action;    ///< "s3:PutObject"
  std::string resource;  ///< "arn:aws:s3:::logs/AWSLogs/123456789012/*"
  Standing standing = Standing::missing;
  bool is_granted = false;  ///< a statement surely allows it, whatever another may deny
  std::string by;           ///< the statement that decides: its Sid, or "Statement[2]"
  std::string why;          ///< for people; "" where there is nothing to say
};

/// Why AWS would not add statements to a policy.
struct Obstacle {
  std::string what;
  std::string hint;
};

struct PolicyCheck {
  std::vector<StatementCheck> statements;
  /// NotPrincipal and NotAction, whatever is to be added; the size that what is missing makes.
  std::vector<Obstacle> obstacles;

  [[nodiscard]] bool is_complete() const;
};

/// Judges a policy, if there is one. Error: it is no policy.
base::Expected<PolicyCheck> check_policy(const std::optional<std::string>& text,
                                         const BucketNeeds& needs);

/// The policy with the statements that it lacks behind all others, which stay as they are; nothing
/// if it lacks none. Errors, with AWS's names: what AWS would refuse to extend
/// (LogDestinationPermissionIssueException), a Deny that adding cannot overcome.
base::Expected<std::optional<std::string>> with_needed(const std::optional<std::string>& text,
                                                       const BucketNeeds& needs);

/// The policy without the statements that `with_needed` adds for these needs; nothing if it has
/// none of them. An empty text: no statement is left, remove the policy. The statement about the
/// bucket's ACL stays as long as another flow log of the same account and region needs it.
base::Expected<std::optional<std::string>> without_needed(const std::optional<std::string>& text,
                                                          const BucketNeeds& needs);

/// S3's limit, 20 KB.
inline constexpr std::size_t kMostPolicyBytes = std::size_t{20} << 10U;

}  // namespace weir::deliver
