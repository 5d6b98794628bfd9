// The bucket's policy on the server: read, extended, written back.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "aws/s3.h"
#include "deliver/bucket_policy.h"

namespace weir::deliver {

/// The policy that stands there; nothing: none. Error: with what is to be done by whom.
aws::Result<std::optional<std::string>> standing_policy(aws::S3& s3, const BucketNeeds& needs);

/// Adds what is missing to the bucket's policy. True: it was changed. What was written is read
/// back, since somebody else may have written at the same moment; then it is added to theirs.
aws::Result<bool> attach_policy(aws::S3& s3, const BucketNeeds& needs);

/// The policy was refused to this caller, who may be allowed to deliver all the same: who delivers
/// need not see it, and of another account's bucket S3 says 405 whatever it allows. A probe tells.
bool may_deliver_unseen(const aws::Failure& failure);

/// What is to be known of a policy about AWS's service on a server that is not AWS's: such a server
/// accepts it, and may match it with nobody. "": it is AWS's, or a principal is named.
std::string_view service_doubt(const aws::S3& s3, const BucketNeeds& needs);

/// Takes away what `attach_policy` added. True: it was changed.
aws::Result<bool> detach_policy(aws::S3& s3, const BucketNeeds& needs);

}  // namespace weir::deliver
