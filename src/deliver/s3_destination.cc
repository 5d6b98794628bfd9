#include "deliver/s3_destination.h"

#include <system_error>

namespace weir::deliver {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAcl = "bucket-owner-full-control";
constexpr int kPreconditionFailed = 412;

}  // namespace

aws::Result<void> upload(aws::S3& s3, const S3Place& place, const std::string& key,
                         const fs::path& file) {
  const aws::ObjectName name{place.bucket, place.key_of(key)};
  aws::PutOptions options;
  options.is_new = true;
  options.acl = kAcl;
  options.encryption = place.encryption;
  options.kms_key_id = place.kms_key_id;
  auto put = s3.put_file(name, file.string(), options);
  if (put) return {};
  if (put.error().status != kPreconditionFailed) return tl::unexpected(std::move(put.error()));
  // Eight digits of a hash and the size decide; reading it back would cost more than it tells.
  auto there = s3.head(name);
  if (!there) return tl::unexpected(std::move(there.error()));
  std::error_code error;
  if (there->bytes == fs::file_size(file, error) && !error) return {};
  aws::Failure failure = std::move(put.error());
  failure.error = {name.url(), "is there already, and is another object",
                   "look at it, and move it away if it is not Weir's"};
  return tl::unexpected(std::move(failure));
}

aws::Result<void> probe(aws::S3& s3, const S3Place& place, const std::string& account_id) {
  const aws::ObjectName name{place.bucket,
                             place.key_of("AWSLogs/" + account_id + "/WeirDeliveryTestFile")};
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

S3Destination::S3Destination(aws::S3& s3, S3Place place, unsigned uploads_at_once)
    : s3_(s3), place_(std::move(place)) {
  threads_.reserve(uploads_at_once);
  for (unsigned i = 0; i < uploads_at_once; ++i) threads_.emplace_back([this] { work(); });
}

S3Destination::~S3Destination() {
  {
    const std::scoped_lock lock(mutex_);
    is_over_ = true;
    waiting_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void S3Destination::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return is_over_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    ++under_way_;
    // After one that failed for good the others would meet the same, each after all its attempts.
    const bool is_tried = !first_error_;
    lock.unlock();
    auto uploaded = is_tried ? upload(s3_, place_, next.key, next.file) : aws::Result<void>();
    std::error_code ignored;
    if (is_tried && uploaded) fs::remove(next.file, ignored);
    lock.lock();
    --under_way_;
    if (!is_tried || !uploaded) ++failed_;
    if (!uploaded && !first_error_) first_error_ = std::move(uploaded.error().error);
    changed_.notify_all();
  }
}

base::Expected<void> S3Destination::take(const PublishedObject& object, const fs::path& file) {
  {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back({object.key, file});
    if (first_error_) return tl::unexpected(*first_error_);
  }
  changed_.notify_all();
  return {};
}

base::Expected<void> S3Destination::finish() {
  std::unique_lock lock(mutex_);
  changed_.notify_all();
  changed_.wait(lock, [this] { return waiting_.empty() && under_way_ == 0; });
  if (first_error_) return tl::unexpected(*first_error_);
  return {};
}

std::uint64_t S3Destination::undelivered() const {
  const std::scoped_lock lock(mutex_);
  return failed_ + waiting_.size() + under_way_;
}

}  // namespace weir::deliver
