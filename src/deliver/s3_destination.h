// Objects into a bucket.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "aws/s3.h"
#include "aws/settings.h"
#include "deliver/bucket_policy.h"
#include "deliver/destination.h"

namespace weir::deliver {

struct S3Place {
  std::string bucket;
  std::string prefix;      ///< without slashes at its ends; may be empty
  std::string encryption;  ///< "", "AES256", "aws:kms"
  std::string kms_key_id;

  /// The key below the bucket of what is delivered under `key`.
  [[nodiscard]] std::string key_of(const std::string& key) const {
    return prefix.empty() ? key : prefix + "/" + key;
  }
  [[nodiscard]] std::string url() const {
    return "s3://" + bucket + (prefix.empty() ? "" : "/" + prefix);
  }
};

/// The bucket and the prefix of "s3://bucket/prefix" or "arn:aws:s3:::bucket/prefix". Error: no
/// such name, or a prefix that AWS reserves; `where` is for it.
base::Expected<S3Place> parse_s3_place(const std::string& url, const std::string& where);

/// Uploads a segment's payload as AWS's delivery does, with the ACL bucket-owner-full-control, and
/// only if the key is free: a key follows from the object's bytes, so that one that is taken holds
/// them already, as after an answer that was lost. That is looked at, not believed; who may not
/// look puts the object again.
aws::Result<void> upload(aws::S3& s3, const S3Place& place, const Segment& segment);

/// Whether objects can be put there, found by putting an empty one (and removing it, if that is
/// allowed): policies are accepted by servers that then match nobody. It lies where the policy lets
/// objects lie, `delivered_prefix(needs)`; of `place` it has the encryption.
aws::Result<void> probe(aws::S3& s3, const S3Place& place, const BucketNeeds& needs);

/// Takes what a person should know of, such as that a policy was attached.
using Note = std::function<void(const std::string& text)>;

/// What AWS does when a flow log is created with an S3 destination: attaches the policy that is
/// missing, and says so. Where that is refused and delivery works nevertheless, it says that.
aws::Result<void> attach_as_aws_does(aws::S3& s3, const S3Place& place, const BucketNeeds& needs,
                                     const Note& note);

/// Segments as objects of a bucket.
class S3Destination : public Destination {
 public:
  /// `needs`: what the bucket's policy is completed with first; nothing: it is left as it is.
  S3Destination(std::shared_ptr<aws::S3> s3, S3Place place, std::optional<BucketNeeds> needs,
                Note note, std::function<void()> cancel = {});

  Prepared prepare() override;
  Delivered deliver(const Segment& segment) override;
  [[nodiscard]] unsigned at_once() const override { return kUploadsAtOnce; }
  void cancel() override;
  [[nodiscard]] std::string name() const override { return place_.url(); }

  static constexpr unsigned kUploadsAtOnce = 8;

 private:
  std::shared_ptr<aws::S3> s3_;
  S3Place place_;
  std::optional<BucketNeeds> needs_;
  Note note_;
  std::function<void()> cancel_;
};

/// The same with a session of its own. Nothing is sent. Error: settings that cannot be.
base::Expected<std::unique_ptr<Destination>> open_s3_destination(aws::Options options,
                                                                 S3Place place,
                                                                 std::optional<BucketNeeds> needs,
                                                                 Note note);

}  // namespace weir::deliver
