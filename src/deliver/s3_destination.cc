#include "deliver/s3_destination.h"

#include <fcntl.h>

#include <utility>

#include "aws/file_part.h"
#include "base/descriptor.h"
#include "deliver/connection.h"
#include "deliver/policy_attachment.h"

namespace weir::deliver {
namespace {

constexpr const char* kAcl = "bucket-owner-full-control";
constexpr int kForbidden = 403;
constexpr int kPreconditionFailed = 412;

/// Its bytes are not those of the hash that came with them.
bool arrived_changed(const aws::Failure& failure) {
  return failure.is("XAmzContentSHA256Mismatch") || failure.is("BadDigest");
}

/// False: it changed before it was sealed, so that its checksum is right all the same.
bool is_as_written(const Segment& segment) {
  const base::Descriptor file(::open(segment.file.c_str(), O_RDONLY | O_CLOEXEC));
  return !segment.sha256 || aws::FilePart{file.get(), 0, segment.bytes}.sha256() == segment.sha256;
}

/// Servers that are not AWS's accept the policy, and may know no service to match it with.
aws::Failure advised(aws::Failure failure, const aws::S3& s3, bool has_principal) {
  if (failure.is("AccessDenied") && !s3.is_aws()) {
    failure.error.hint =
        has_principal
            ? "check that the delivery principal is the ARN of who delivers, and look for a Deny"
            : "this server may know no service principals: let the bucket's owner run `weir "
              "bucket-policy attach --delivery-principal ARN`, with the ARN of who delivers";
  } else if (arrived_changed(failure)) {
    failure.error.hint =
        "look for what changes it on its way, such as a proxy, and at this host's disk and memory";
  }
  return failure;
}

}  // namespace

base::Expected<S3Place> parse_s3_place(const std::string& url, const std::string& where) {
  auto name = aws::parse_s3_url(url, where);
  if (!name) return tl::unexpected(name.error());
  std::string& prefix = name->key;
  while (prefix.ends_with('/')) prefix.pop_back();
  if (prefix.starts_with('/') || prefix.find("//") != std::string::npos) {
    return base::fail(where, "the prefix has an empty folder name",
                      "write one slash only between its parts");
  }
  if (prefix == "AWSLogs" || prefix.starts_with("AWSLogs/")) {
    return base::fail(where, "the prefix AWSLogs is reserved",
                      "Weir adds AWSLogs/ itself: leave it away, or choose another prefix");
  }
  return S3Place{name->bucket, std::move(prefix), {}, {}};
}

aws::Result<void> upload(aws::S3& s3, const S3Place& place, const Segment& segment) {
  const aws::ObjectName name{place.bucket, place.key_of(segment.key)};
  aws::PutOptions options;
  options.is_new = true;
  options.sha256 = segment.sha256;
  options.acl = kAcl;
  options.encryption = place.encryption;
  options.kms_key_id = place.kms_key_id;
  const auto put_segment = [&] {
    return s3.put_file(name, segment.file.string(), segment.bytes, options);
  };
  auto put = put_segment();
  if (put) return {};
  if (put.error().status != kPreconditionFailed) return tl::unexpected(std::move(put.error()));
  // Eight digits of a hash and the size decide; reading it back would cost more than it tells.
  auto there = s3.head(name);
  if (!there && there.error().status == kForbidden) {
    // What AWS's policy grants is putting, not looking.
    options.is_new = false;
    put = put_segment();
    if (put) return {};
    return tl::unexpected(std::move(put.error()));
  }
  if (!there) return tl::unexpected(std::move(there.error()));
  if (there->bytes == segment.bytes) return {};
  aws::Failure failure = std::move(put.error());
  failure.error = {name.url(), "is there already, and is another object",
                   "look at it, and move it away if it is not Weir's"};
  return tl::unexpected(std::move(failure));
}

aws::Result<void> probe(aws::S3& s3, const S3Place& place, const BucketNeeds& needs) {
  const aws::ObjectName name{place.bucket, delivered_prefix(needs) + "WeirDeliveryTestFile"};
  aws::PutOptions options;
  options.acl = kAcl;
  options.encryption = place.encryption;
  options.kms_key_id = place.kms_key_id;
  auto put = s3.put(name, {}, options);
  if (!put) return tl::unexpected(std::move(put.error()));
  // Who delivers may not be allowed to remove: the empty file then stays, as those of AWS's do.
  static_cast<void>(s3.remove(name));
  return {};
}

aws::Result<void> attach_as_aws_does(aws::S3& s3, const S3Place& place, const BucketNeeds& needs,
                                     const Note& note) {
  auto changed = attach_policy(s3, needs);
  if (!changed) {
    if (!may_deliver_unseen(changed.error()) || !probe(s3, place, needs)) {
      return tl::unexpected(std::move(changed.error()));
    }
    // Whether delivery rests on it is not known: it may be there, and not for this caller to see.
    note(changed.error().error.where + " " + changed.error().error.what + "; delivery works");
    return {};
  }
  if (!*changed) return {};
  note(attachment_notice(needs));
  if (s3.is_aws()) return {};
  auto put = probe(s3, place, needs);
  if (!put) return tl::unexpected(advised(std::move(put.error()), s3, !needs.principal.empty()));
  return {};
}

S3Destination::S3Destination(std::shared_ptr<aws::S3> s3, S3Place place,
                             std::optional<BucketNeeds> needs, Note note,
                             std::function<void()> cancel)
    : s3_(std::move(s3)),
      place_(std::move(place)),
      needs_(std::move(needs)),
      note_(std::move(note)),
      cancel_(std::move(cancel)) {}

Prepared S3Destination::prepare() {
  if (!needs_) return {};
  auto attached = attach_as_aws_does(*s3_, place_, *needs_, note_);
  if (!attached) return tl::unexpected(undelivered(std::move(attached.error())));
  return {};
}

Delivered S3Destination::deliver(const Segment& segment) {
  auto uploaded = upload(*s3_, place_, segment);
  if (uploaded) return Receipt{};
  const aws::Failure& failure = uploaded.error();
  const bool is_of_segment = failure.status == kPreconditionFailed ||
                             failure.kind == aws::Failure::Kind::unreadable ||
                             (arrived_changed(failure) && !is_as_written(segment));
  const bool has_principal = needs_ && !needs_->principal.empty();
  Undelivered why = undelivered(advised(std::move(uploaded.error()), *s3_, has_principal));
  why.is_of_segment = is_of_segment;
  return tl::unexpected(std::move(why));
}

void S3Destination::cancel() {
  if (cancel_) cancel_();
}

base::Expected<std::unique_ptr<Destination>> open_s3_destination(aws::Options options,
                                                                 S3Place place,
                                                                 std::optional<BucketNeeds> needs,
                                                                 Note note) {
  auto connection = Connection::open(std::move(options));
  if (!connection) return tl::unexpected(connection.error());
  const std::shared_ptr<aws::S3> s3(*connection, &(*connection)->session().s3());
  return std::make_unique<S3Destination>(s3, std::move(place), std::move(needs), std::move(note),
                                         [connection = *connection] { connection->cancel(); });
}

}  // namespace weir::deliver
