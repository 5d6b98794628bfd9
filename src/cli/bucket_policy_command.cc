#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "cli/options.h"
#include "cli/s3_options.h"
#include "deliver/policy_attachment.h"

namespace weir::cli {
namespace {

struct Asked {
  std::string destination;
  std::string account_id;
  std::string region;
  bool hive_compatible_partitions = false;
  bool has_probe = false;
  std::string form;
  S3Asked s3;
};

base::Expected<deliver::BucketNeeds> needs_of(const Asked& asked) {
  auto place = s3_place(asked.destination, asked.s3);
  if (!place) return tl::unexpected(place.error());
  deliver::BucketNeeds needs{place->bucket,
                             place->prefix,
                             asked.account_id,
                             asked.region,
                             asked.hive_compatible_partitions,
                             asked.s3.delivery_principal};
  if (needs.region.empty()) {
    auto settings = aws::ServiceSettings::find(asked.s3.options, aws::Environment::of_process());
    if (!settings) return tl::unexpected(settings.error());
    needs.region = settings->region;
  }
  if (needs.region.empty()) {
    return base::fail("--region", "is not given", "give the flow log's, such as us-east-1");
  }
  if (auto checked = deliver::check(needs); !checked) return tl::unexpected(checked.error());
  return needs;
}

std::string_view word_of(deliver::Standing standing) {
  switch (standing) {
    case deliver::Standing::allowed:
      return "allowed";
    case deliver::Standing::missing:
      return "missing";
    case deliver::Standing::denied:
      return "denied";
    case deliver::Standing::unclear:
      break;
  }
  return "unclear";
}

void print_check(const deliver::PolicyCheck& check, const std::string& form) {
  base::Table table;
  for (const char* column : {"statement", "action", "resource", "standing", "by", "why"}) {
    table.columns.push_back({column, false});
  }
  for (const deliver::StatementCheck& each : check.statements) {
    table.rows.push_back({each.sid, each.action, each.resource, std::string(word_of(each.standing)),
                          each.by, each.why});
  }
  base::print(std::cout, table, form.empty() ? base::OutputForm::table : output_form(form));
  std::cout.flush();
  for (const deliver::Obstacle& obstacle : check.obstacles) {
    tell({base::Severity::info, "note: " + obstacle.what + "; " + obstacle.hint});
  }
}

/// What the check comes to, and what to do next.
int conclude(const deliver::PolicyCheck& check, const std::string& bucket) {
  if (check.is_complete()) {
    fmt::print(stderr, "delivery can work: the policy of {} allows it\n", bucket);
    return kDone;
  }
  const auto has = [&check](auto&& is_so) {
    return std::any_of(check.statements.begin(), check.statements.end(), is_so);
  };
  const bool is_denied =
      has([](const auto& each) { return each.standing == deliver::Standing::denied; });
  const bool is_lacking = has([](const auto& each) { return !each.is_granted; });
  const char* verdict =
      "whether delivery works is unclear: `weir bucket-policy check --probe` as who delivers finds "
      "out";
  if (is_denied) {
    verdict = "delivery cannot be relied on: take it out of the Deny, against which no Allow helps";
  } else if (is_lacking && !check.obstacles.empty()) {
    verdict =
        "delivery cannot be relied on: `weir bucket-policy attach` cannot add what is missing, for "
        "the reason above";
  } else if (is_lacking) {
    verdict = "delivery cannot be relied on: `weir bucket-policy attach` adds what is missing";
  }
  fmt::print(stderr, "{}\n", verdict);
  return kFailed;
}

int print(const Asked& asked) {
  const auto needs = needs_of(asked);
  if (!needs) return failed(needs.error(), kUsage);
  fmt::print("{}\n", deliver::needed_policy(*needs));
  return kDone;
}

int check_by_probe(aws::S3& s3, const Asked& asked, const deliver::BucketNeeds& needs) {
  const auto put = deliver::probe(s3, *s3_place(asked.destination, asked.s3), needs);
  if (!put) return failed(put.error().error);
  fmt::print(stderr, "delivery works: an object could be put there by these credentials\n");
  return kDone;
}

/// What is allowed is so only if the server knows who is meant.
void doubt(deliver::PolicyCheck& check) {
  for (deliver::StatementCheck& each : check.statements) {
    if (each.standing != deliver::Standing::allowed) continue;
    each.standing = deliver::Standing::unclear;
    each.why = "this server may know no service principals";
  }
}

int check(const Asked& asked) {
  const auto needs = needs_of(asked);
  if (!needs) return failed(needs.error(), kUsage);
  auto session = open_session(asked.s3.options);
  if (!session) return failed(session.error());
  aws::S3& s3 = (*session)->s3();
  const auto policy = deliver::standing_policy(s3, *needs);
  if (!policy) {
    base::Error error = policy.error().error;
    if (!deliver::may_deliver_unseen(policy.error())) return failed(error);
    if (!asked.has_probe) {
      error.hint +=
          "; `weir bucket-policy check --probe` as who delivers finds out whether it works";
      return failed(error);
    }
    tell({base::Severity::info, "note: the bucket policy " + error.what});
    return check_by_probe(s3, asked, *needs);
  }
  auto judged = deliver::check_policy(*policy, *needs);
  if (!judged) return failed(judged.error());
  const std::string uncertainty(deliver::service_doubt(s3, *needs));
  if (!uncertainty.empty()) doubt(*judged);
  print_check(*judged, asked.form);
  if (asked.has_probe) return check_by_probe(s3, asked, *needs);
  if (!uncertainty.empty()) tell({base::Severity::info, "note: " + uncertainty});
  return conclude(*judged, "s3://" + needs->bucket);
}

int attach(const Asked& asked) {
  const auto needs = needs_of(asked);
  if (!needs) return failed(needs.error(), kUsage);
  auto session = open_session(asked.s3.options);
  if (!session) return failed(session.error());
  aws::S3& s3 = (*session)->s3();
  const auto changed = deliver::attach_policy(s3, *needs);
  if (!changed) return failed(changed.error().error);
  fmt::print(stderr, "{}\n",
             *changed ? deliver::attachment_notice(*needs)
                      : "the policy of s3://" + needs->bucket + " grants all of it already");
  const std::string uncertainty(deliver::service_doubt(s3, *needs));
  if (!uncertainty.empty()) tell({base::Severity::info, "note: " + uncertainty});
  return kDone;
}

int detach(const Asked& asked) {
  const auto needs = needs_of(asked);
  if (!needs) return failed(needs.error(), kUsage);
  auto session = open_session(asked.s3.options);
  if (!session) return failed(session.error());
  const auto changed = deliver::detach_policy((*session)->s3(), *needs);
  if (!changed) return failed(changed.error().error);
  fmt::print(stderr, "{} s3://{}\n",
             *changed ? "the statements of this flow log were taken out of the policy of"
                      : "there are no statements of this flow log in the policy of",
             needs->bucket);
  return kDone;
}

Command* add(Command& parent, const char* name, const char* what, Asked& asked) {
  auto* command = parent.add_subcommand(name, what);
  command->add_option("--log-destination", asked.destination, "s3://bucket/prefix")
      ->required()
      ->type_name("URL");
  command->add_option("--account-id", asked.account_id, "Account of the flow log, 12 digits")
      ->required()
      ->type_name("ID");
  command->add_option("--region", asked.region, "Region of the flow log")->type_name("REGION");
  command->add_flag("--hive-compatible-partitions", asked.hive_compatible_partitions,
                    "Folders named key=value");
  add_principal_option(*command, asked.s3);
  add_s3_options(*command, asked.s3.options);
  return command;
}

}  // namespace

void add_bucket_policy_command(Command& weir, int& exit_code) {
  auto* command = weir.add_subcommand("bucket-policy", "The bucket policy that delivery needs");
  command->require_subcommand();
  auto asked = std::make_shared<Asked>();
  add(*command, "print", "Print the policy, as AWS attaches it", *asked)
      ->callback([asked, &exit_code] { exit_code = print(*asked); });
  Command* checking =
      add(*command, "check", "Say, statement by statement, what the bucket's policy lacks", *asked);
  checking->add_flag("--probe", asked->has_probe, "Put an empty object there to find out");
  add_output_option(*checking, asked->form);
  checking->callback([asked, &exit_code] { exit_code = check(*asked); });
  add(*command, "attach", "Add what is missing to the bucket's policy", *asked)
      ->callback([asked, &exit_code] { exit_code = attach(*asked); });
  add(*command, "detach", "Take out what `attach` added", *asked)->callback([asked, &exit_code] {
    exit_code = detach(*asked);
  });
}

}  // namespace weir::cli
