#include "deliver/policy_attachment.h"

namespace weir::deliver {
namespace {

/// `what` could not be done, such as "looked at".
tl::unexpected<aws::Failure> refused(aws::Failure failure, const std::string& what) {
  if (failure.is("AccessDenied") || failure.is("403")) {
    failure.error.hint =
        "its owner needs s3:GetBucketPolicy and s3:PutBucketPolicy for that; or the owner attaches "
        "what `weir bucket-policy print` prints, and you go on with --no-attach-bucket-policy";
  }
  if (failure.is("MethodNotAllowed")) {
    failure.error.hint =
        "another account owns the bucket: its owner has to attach what `weir "
        "bucket-policy print` prints";
  }
  if (failure.kind == aws::Failure::Kind::local) return tl::unexpected(std::move(failure));
  failure.error.where = "the bucket policy of " + failure.error.where;
  failure.error.what = "cannot be " + what + ": " + failure.error.what;
  return tl::unexpected(std::move(failure));
}

}  // namespace

aws::Result<std::optional<std::string>> standing_policy(aws::S3& s3, const BucketNeeds& needs) {
  auto there = s3.policy(needs.bucket);
  if (!there) return refused(std::move(there.error()), "looked at");
  return there;
}

aws::Result<bool> attach_policy(aws::S3& s3, const BucketNeeds& needs) {
  constexpr int kRounds = 3;
  bool is_changed = false;
  for (int round = 0; round < kRounds; ++round) {
    auto there = standing_policy(s3, needs);
    if (!there) return tl::unexpected(std::move(there.error()));
    auto extended = with_needed(*there, needs);
    if (!extended) return aws::cannot(std::move(extended.error()));
    if (!*extended) return is_changed;
    auto put = s3.put_policy(needs.bucket, **extended);
    if (!put) return refused(std::move(put.error()), "changed");
    is_changed = true;
  }
  return aws::cannot({"the bucket policy of s3://" + needs.bucket,
                      "was accepted, and is not there when it is read back",
                      "look who else writes it, and try again"});
}

bool may_deliver_unseen(const aws::Failure& failure) {
  constexpr int kForbidden = 403;
  constexpr int kNotAllowed = 405;
  return failure.status == kForbidden || failure.status == kNotAllowed;
}

std::string_view service_doubt(const aws::S3& s3, const BucketNeeds& needs) {
  if (s3.is_aws() || !needs.principal.empty()) return {};
  return "this server may know no service principals, and then it matches the policy with nobody: "
         "`weir bucket-policy check --probe` as who delivers finds out; if that is refused, attach "
         "with --delivery-principal ARN, of who delivers";
}

aws::Result<bool> detach_policy(aws::S3& s3, const BucketNeeds& needs) {
  auto there = standing_policy(s3, needs);
  if (!there) return tl::unexpected(std::move(there.error()));
  auto rest = without_needed(*there, needs);
  if (!rest) return aws::cannot(std::move(rest.error()));
  if (!*rest) return false;
  auto done =
      (*rest)->empty() ? s3.remove_policy(needs.bucket) : s3.put_policy(needs.bucket, **rest);
  if (!done) return refused(std::move(done.error()), "changed");
  return true;
}

}  // namespace weir::deliver
