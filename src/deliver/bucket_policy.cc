#include "deliver/bucket_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "deliver/policy_match.h"

namespace weir::deliver {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr const char* kPolicyId = "AWSLogDeliveryWrite20150319";
constexpr const char* kService = "delivery.logs.amazonaws.com";
constexpr const char* kWriteSid = "AWSLogDeliveryWrite";
constexpr const char* kAclCheckSid = "AWSLogDeliveryAclCheck";
constexpr const char* kAcl = "bucket-owner-full-control";

std::string_view partition_of(const std::string& region) {
  if (region.starts_with("cn-")) return "aws-cn";
  if (region.starts_with("us-gov-")) return "aws-us-gov";
  return "aws";
}

std::string bucket_arn(const BucketNeeds& needs) {
  return fmt::format("arn:{}:s3:::{}", partition_of(needs.region), needs.bucket);
}

/// Of the service that delivers: whichever of its deliveries.
std::string source_arn(const BucketNeeds& needs) {
  return fmt::format("arn:{}:logs:{}:{}:", partition_of(needs.region), needs.region,
                     needs.account_id);
}

std::string written(const BucketNeeds& needs) {
  return bucket_arn(needs) + "/" + delivered_prefix(needs);
}

OrderedJson principal_of(const BucketNeeds& needs) {
  if (needs.principal.empty()) return {{"Service", kService}};
  return {{"AWS", needs.principal}};
}

OrderedJson write_statement(const BucketNeeds& needs, const std::string& number) {
  OrderedJson condition;
  if (needs.principal.empty()) {
    condition["StringEquals"]["aws:SourceAccount"] = needs.account_id;
  }
  condition["StringEquals"]["s3:x-amz-acl"] = kAcl;
  if (needs.principal.empty()) condition["ArnLike"]["aws:SourceArn"] = source_arn(needs) + "*";
  return {{"Sid", kWriteSid + number},        {"Effect", "Allow"},
          {"Principal", principal_of(needs)}, {"Action", "s3:PutObject"},
          {"Resource", written(needs) + "*"}, {"Condition", condition}};
}

OrderedJson acl_check_statement(const BucketNeeds& needs, const std::string& number) {
  OrderedJson statement = {{"Sid", kAclCheckSid + number},
                           {"Effect", "Allow"},
                           {"Principal", principal_of(needs)},
                           {"Action", "s3:GetBucketAcl"},
                           {"Resource", bucket_arn(needs)}};
  if (needs.principal.empty()) {
    statement["Condition"]["StringEquals"]["aws:SourceAccount"] = needs.account_id;
    statement["Condition"]["ArnLike"]["aws:SourceArn"] = source_arn(needs) + "*";
  }
  return statement;
}

PolicyRequest request_of(const BucketNeeds& needs, const char* action, std::string resource) {
  PolicyRequest request;
  request.action = action;
  request.resource = std::move(resource);
  auto& context = request.context;
  context["aws:securetransport"] = "true";
  context["s3:x-amz-acl"] = action == std::string_view("s3:PutObject") ? kAcl : "";
  if (needs.principal.empty()) {
    request.service = kService;
    context["aws:sourceaccount"] = needs.account_id;
    context["aws:sourcearn"] = source_arn(needs) + kAnything;
    context["aws:principalisawsservice"] = "true";
    context["aws:principalservicename"] = kService;
    context["aws:viaawsservice"] = "false";
    // A service comes from no organisation, account or network of ours.
    for (const char* key : {"aws:principalorgid", "aws:principalaccount", "aws:principalarn",
                            "aws:sourcevpc", "aws:sourcevpce", "aws:sourceip"}) {
      context[key] = "";
    }
  } else {
    request.principal = needs.principal;
    context["aws:principalarn"] = needs.principal;
    for (const char* key : {"aws:sourceaccount", "aws:sourcearn"}) context[key] = "";
  }
  return request;
}

base::Expected<OrderedJson> parse_policy(const std::optional<std::string>& text) {
  if (!text) {
    return OrderedJson{
        {"Version", "2012-10-17"}, {"Id", kPolicyId}, {"Statement", OrderedJson::array()}};
  }
  OrderedJson policy = OrderedJson::parse(*text, nullptr, false);
  const bool is_policy = policy.is_object() && policy.contains("Statement") &&
                         (policy["Statement"].is_array() || policy["Statement"].is_object());
  if (!is_policy) {
    return base::fail("MalformedPolicy", "the bucket's policy is no JSON with statements",
                      "mend it, or give the whole text that get-bucket-policy prints");
  }
  // One statement may stand without a list around it.
  if (policy["Statement"].is_object()) {
    policy["Statement"] = OrderedJson::array({policy["Statement"]});
  }
  return policy;
}

std::string name_of(const OrderedJson& statement, std::size_t index) {
  if (statement.is_object() && statement.contains("Sid") && statement["Sid"].is_string() &&
      !statement["Sid"].get_ref<const std::string&>().empty()) {
    return statement["Sid"];
  }
  return fmt::format("Statement[{}]", index);
}

bool is_effect(const OrderedJson& statement, const char* effect) {
  return statement.is_object() && statement.contains("Effect") && statement["Effect"] == effect;
}

/// One statement's say. A Deny that surely applies ends the matter.
void hear(const OrderedJson& statement, const std::string& name, const PolicyRequest& request,
          StatementCheck& check, std::string& doubt) {
  const bool is_deny = is_effect(statement, "Deny");
  if (!is_deny && !is_effect(statement, "Allow")) return;
  const MatchResult result = match_statement(statement, request);
  if (result.match == Match::yes && is_deny) {
    check.standing = Standing::denied;
    check.by = name;
    check.why = name + " denies it";
  } else if (result.match == Match::yes && !check.is_granted) {
    check.is_granted = true;
    check.standing = Standing::allowed;
    check.by = name;
    check.why.clear();
  } else if (result.match == Match::unknown && is_deny) {
    doubt = name + " may deny it: " + result.why;
  } else if (result.match == Match::unknown && check.standing == Standing::missing) {
    check.standing = Standing::unclear;
    check.by = name;
    check.why = name + " may allow it: " + result.why;
  } else if (!is_deny && result.is_near && check.standing == Standing::missing) {
    check.why = name + " comes near, but " + result.why;
  }
}

void judge(const OrderedJson& policy, const PolicyRequest& request, StatementCheck& check) {
  std::string doubt;
  for (std::size_t i = 0; i < policy["Statement"].size(); ++i) {
    const OrderedJson& statement = policy["Statement"][i];
    hear(statement, name_of(statement, i), request, check, doubt);
    if (check.standing == Standing::denied) return;
  }
  if (check.standing != Standing::allowed || doubt.empty()) return;
  check.standing = Standing::unclear;
  check.by = doubt.substr(0, doubt.find(' '));
  check.why = doubt;
}

std::vector<Obstacle> obstacles_of(const OrderedJson& policy) {
  std::vector<Obstacle> out;
  for (std::size_t i = 0; i < policy["Statement"].size(); ++i) {
    const OrderedJson& statement = policy["Statement"][i];
    for (const char* part : {"NotPrincipal", "NotAction"}) {
      if (!statement.is_object() || !statement.contains(part)) continue;
      out.push_back(
          {fmt::format("{} has {}: AWS adds nothing to such a policy", name_of(statement, i), part),
           "write that statement with Principal and Action, or add what `weir bucket-policy print` "
           "prints by hand"});
    }
  }
  return out;
}

base::Error refusal(const BucketNeeds& needs, std::string what, std::string hint) {
  return {"LogDestinationPermissionIssueException: s3://" + needs.bucket, std::move(what),
          std::move(hint)};
}

/// The number behind the two Sids: the first that neither has.
std::string free_number(const OrderedJson& policy) {
  std::set<std::string> taken;
  for (const OrderedJson& statement : policy["Statement"]) taken.insert(name_of(statement, 0));
  for (int number = 1;; ++number) {
    std::string text = std::to_string(number);
    if (!taken.contains(kWriteSid + text) && !taken.contains(kAclCheckSid + text)) return text;
  }
}

/// The same statement, whatever its Sid and with or without lists around single values.
OrderedJson canonical(const OrderedJson& json) {
  if (json.is_array() && json.size() == 1) return canonical(json[0]);
  if (!json.is_object()) return json;
  nlohmann::json sorted = nlohmann::json::object();
  for (const auto& [key, value] : json.items()) {
    if (key != "Sid") sorted[key] = nlohmann::json::parse(canonical(value).dump());
  }
  return OrderedJson::parse(sorted.dump());
}

bool is_ours(const OrderedJson& statement, const char* sid, const OrderedJson& made) {
  return name_of(statement, 0).starts_with(sid) && canonical(statement) == canonical(made);
}

/// Whether the statement lets this account and region write, under whatever prefix.
bool is_another_write(const OrderedJson& statement, const BucketNeeds& needs) {
  return name_of(statement, 0).starts_with(kWriteSid) && statement.contains("Condition") &&
         canonical(statement["Condition"]) == canonical(write_statement(needs, "")["Condition"]) &&
         canonical(statement["Principal"]) == canonical(principal_of(needs));
}

/// The policy with the statements that it lacks, if it lacks any.
std::optional<std::string> extended(OrderedJson policy, const PolicyCheck& check,
                                    const BucketNeeds& needs) {
  const auto is_lacking = [&check](std::size_t i) { return !check.statements[i].is_granted; };
  if (!is_lacking(0) && !is_lacking(1)) return std::nullopt;
  const std::string number = free_number(policy);
  if (is_lacking(0)) policy["Statement"].push_back(write_statement(needs, number));
  if (is_lacking(1)) policy["Statement"].push_back(acl_check_statement(needs, number));
  return policy.dump();
}

std::optional<Obstacle> too_long(const std::string& policy, const BucketNeeds& needs) {
  if (policy.size() <= kMostPolicyBytes) return std::nullopt;
  return Obstacle{fmt::format("the policy would have {} bytes, and S3 takes {}", policy.size(),
                              kMostPolicyBytes),
                  "join statements of the policy, such as by one Resource " + bucket_arn(needs) +
                      "/* for all flow logs"};
}

}  // namespace

base::Expected<void> check(const BucketNeeds& needs) {
  if (needs.prefix == "AWSLogs" || needs.prefix.starts_with("AWSLogs/")) {
    return base::fail("--log-destination", "the prefix AWSLogs is reserved",
                      "Weir adds AWSLogs/ itself: leave it away, or choose another prefix");
  }
  const bool is_account = needs.account_id.size() == 12 &&
                          needs.account_id.find_first_not_of("0123456789") == std::string::npos;
  if (!is_account) {
    return base::fail("--account-id", "'" + needs.account_id + "' is not 12 digits");
  }
  if (!needs.principal.empty() && !needs.principal.starts_with("arn:")) {
    return base::fail("--delivery-principal", "'" + needs.principal + "' is no ARN",
                      "write the delivering user's, such as arn:aws:iam:::user/delivery");
  }
  return {};
}

std::string delivered_prefix(const BucketNeeds& needs) {
  const std::string folder = needs.prefix.empty() ? "" : needs.prefix + "/";
  return folder + "AWSLogs/" + (needs.hive_compatible_partitions ? "aws-account-id=" : "") +
         needs.account_id + "/";
}

std::string needed_policy(const BucketNeeds& needs) {
  const OrderedJson policy = {{"Version", "2012-10-17"},
                              {"Id", kPolicyId},
                              {"Statement", OrderedJson::array({write_statement(needs, "1"),
                                                                acl_check_statement(needs, "1")})}};
  return policy.dump(2);
}

std::string attachment_notice(const BucketNeeds& needs) {
  const bool is_service = needs.principal.empty();
  std::string out = fmt::format(
      "a resource-based policy was created and attached to the target bucket s3://{}: delivery of "
      "flow logs needs it, and it lets {} put objects under {} ({}) and read the bucket's ACL ({})",
      needs.bucket, is_service ? fmt::format("AWS's log delivery ({})", kService) : needs.principal,
      delivered_prefix(needs), kWriteSid, kAclCheckSid);
  if (is_service) return out;
  return out + fmt::format(
                   ". As the delivery principal that was given, it takes the place of {}, and the "
                   "conditions aws:SourceAccount and aws:SourceArn are left out: a server that "
                   "knows no service principals would match neither",
                   kService);
}

bool PolicyCheck::is_complete() const {
  return std::all_of(statements.begin(), statements.end(),
                     [](const StatementCheck& each) { return each.standing == Standing::allowed; });
}

base::Expected<PolicyCheck> check_policy(const std::optional<std::string>& text,
                                         const BucketNeeds& needs) {
  auto policy = parse_policy(text);
  if (!policy) return tl::unexpected(policy.error());
  PolicyCheck out;
  StatementCheck write{
      kWriteSid, "s3:PutObject", written(needs) + "*", Standing::missing, false, {}, {}};
  judge(*policy, request_of(needs, "s3:PutObject", written(needs) + kAnything), write);
  StatementCheck acl{
      kAclCheckSid, "s3:GetBucketAcl", bucket_arn(needs), Standing::missing, false, {}, {}};
  judge(*policy, request_of(needs, "s3:GetBucketAcl", bucket_arn(needs)), acl);
  out.statements = {std::move(write), std::move(acl)};
  for (StatementCheck& each : out.statements) {
    if (each.standing == Standing::missing && each.why.empty()) each.why = "no statement allows it";
  }
  out.obstacles = obstacles_of(*policy);
  if (const auto made = extended(std::move(*policy), out, needs)) {
    if (auto obstacle = too_long(*made, needs)) out.obstacles.push_back(std::move(*obstacle));
  }
  return out;
}

base::Expected<std::optional<std::string>> with_needed(const std::optional<std::string>& text,
                                                       const BucketNeeds& needs) {
  auto checked = check_policy(text, needs);
  if (!checked) return tl::unexpected(checked.error());
  for (const StatementCheck& each : checked->statements) {
    if (each.standing != Standing::denied) continue;
    return tl::unexpected(
        refusal(needs, each.action + " is denied by " + each.by,
                "take the log delivery out of that Deny: an Allow does not help"));
  }
  auto made = extended(*parse_policy(text), *checked, needs);
  if (made && !checked->obstacles.empty()) {
    const Obstacle& first = checked->obstacles.front();
    return tl::unexpected(refusal(needs, first.what, first.hint));
  }
  return made;
}

base::Expected<std::optional<std::string>> without_needed(const std::optional<std::string>& text,
                                                          const BucketNeeds& needs) {
  if (!text) return std::optional<std::string>();
  auto policy = parse_policy(text);
  if (!policy) return tl::unexpected(policy.error());
  OrderedJson& statements = (*policy)["Statement"];
  const std::size_t before = statements.size();
  const auto remove = [&statements](const char* sid, const OrderedJson& made) {
    OrderedJson kept = OrderedJson::array();
    for (const OrderedJson& statement : statements) {
      if (!is_ours(statement, sid, made)) kept.push_back(statement);
    }
    statements = std::move(kept);
  };
  remove(kWriteSid, write_statement(needs, ""));
  const bool is_acl_needed = std::any_of(
      statements.begin(), statements.end(),
      [&needs](const OrderedJson& statement) { return is_another_write(statement, needs); });
  if (!is_acl_needed) remove(kAclCheckSid, acl_check_statement(needs, ""));
  if (statements.size() == before) return std::optional<std::string>();
  return std::optional<std::string>(statements.empty() ? "" : policy->dump());
}

}  // namespace weir::deliver
