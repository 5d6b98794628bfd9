#include "logs/s3_reader.h"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::logs {
namespace {

constexpr int kForbidden = 403;

/// Nothing if it is not named like a log, unless it is named itself.
std::optional<Object> object_of(const S3Folder& folder, const aws::ObjectInfo& info) {
  const bool is_named = info.key == folder.prefix && !info.key.ends_with('/');
  if (!is_named && !is_named_like_a_log(info.key)) return std::nullopt;
  Object object;
  object.path = object.name = "s3://" + folder.bucket + "/" + info.key;
  object.bytes = info.bytes;
  object.kind = kind_by_name(info.key);
  object.key = read_key(info.key);
  object.etag = info.etag;
  object.modified = info.modified;
  return object;
}

/// Whether all that a page tells of lies in the folder, and what is listed in turn deeper: a server
/// that takes no notice of the prefix would be listed for ever.
bool is_of_folder(const S3Folder& folder, const aws::ListPage& page) {
  return std::all_of(
             page.objects.begin(), page.objects.end(),
             [&](const aws::ObjectInfo& info) { return info.key.starts_with(folder.prefix); }) &&
         std::all_of(page.prefixes.begin(), page.prefixes.end(), [&](const std::string& prefix) {
           return prefix.starts_with(folder.prefix) && prefix != folder.prefix;
         });
}

}  // namespace

S3Reader::S3Reader(aws::S3& s3, std::atomic<bool>& is_cancelled, std::unique_ptr<ObjectCache> cache)
    : s3_(s3),
      is_cancelled_(is_cancelled),
      cache_(std::move(cache)),
      ahead_([this](const Object& object, aws::ByteRange part) { return get(object, part); }, {}) {}

aws::Result<S3Listing> S3Reader::list(const S3Folder& folder, bool is_wanted_whole) {
  aws::ListRequest request;
  request.prefix = folder.prefix;
  if (is_wanted_whole && !folder.is_flat) {
    S3Listing whole;
    const auto page = add_page(folder, request, whole);
    if (!page) return tl::unexpected(page.error());
    // What is large is listed folder by folder, since pages come one after the other; and so is
    // what has an AWSLogs/ of its own, where other services' objects may lie.
    const std::string copy = "/AWSLogs/";
    const bool has_copy =
        std::any_of(whole.objects.begin(), whole.objects.end(), [&](const Object& object) {
          return object.path.find(copy, folder.url().size() - 1) != std::string::npos;
        });
    if (request.continuation.empty() && !has_copy) return whole;
    request.continuation.clear();
  }
  S3Listing listing;
  if (!folder.is_flat) request.delimiter = "/";
  do {
    const auto page = add_page(folder, request, listing);
    if (!page) return tl::unexpected(page.error());
  } while (!request.continuation.empty());
  return listing;
}

/// Makes the request one for the page behind it.
aws::Result<void> S3Reader::add_page(const S3Folder& folder, aws::ListRequest& request,
                                     S3Listing& listing) {
  auto page = s3_.list(folder.bucket, request);
  if (!page) return tl::unexpected(std::move(page.error()));
  if (!is_of_folder(folder, *page)) {
    return aws::cannot({folder.url(), "the listing has what does not lie there",
                        "check that the endpoint is S3's"});
  }
  for (const aws::ObjectInfo& info : page->objects) {
    if (auto object = object_of(folder, info)) listing.objects.push_back(std::move(*object));
  }
  for (const std::string& prefix : page->prefixes) {
    listing.folders.push_back(s3_folder_below(folder, prefix));
  }
  request.continuation = std::move(page->continuation);
  return {};
}

aws::Result<std::string> S3Reader::get(const Object& object, aws::ByteRange part) {
  const bool is_known = cache_ != nullptr && !object.etag.empty();
  auto kept = is_known ? cache_->get(object, part) : std::nullopt;
  aws::Result<std::string> bytes = kept ? std::move(*kept) : fetch(object, part);
  if (is_known && !kept && bytes && bytes->size() == part.count) {
    cache_->put(object, part, *bytes);
  }
  note(bytes);
  return bytes;
}

aws::Result<std::string> S3Reader::fetch(const Object& object, aws::ByteRange part) {
  auto name = aws::parse_s3_url(object.path, object.name);
  if (!name) return aws::cannot(name.error());
  aws::GetOptions options;
  options.if_match = object.etag;
  options.most_bytes = part.count;
  // A checksum is of the whole.
  if (part.first != 0 || part.count < object.bytes) options.range = part;
  return s3_.get(*name, options);
}

void S3Reader::note(const aws::Result<std::string>& bytes) {
  const std::scoped_lock lock(mutex_);
  if (bytes) {
    has_read_ = true;
  } else if (!is_of_one_object(bytes.error())) {
    if (!failure_) failure_ = told_by_s3(bytes.error());
  } else if (bytes.error().status == kForbidden && !denied_) {
    denied_ = told_by_s3(bytes.error());
  }
}

std::optional<base::Error> S3Reader::denied() const {
  const std::scoped_lock lock(mutex_);
  return has_read_ ? std::nullopt : denied_;
}

std::optional<base::Error> S3Reader::failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

void S3Reader::cancel() {
  is_cancelled_ = true;
  ahead_.cancel();
}

bool is_of_one_object(const aws::Failure& failure) {
  constexpr std::array<std::string_view, 9> kOfTheCaller = {
      "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken",
      "InvalidToken",       "TokenRefreshRequired",  "RequestTimeTooSkewed",
      "NoSuchBucket",       "PermanentRedirect",     "AuthorizationHeaderMalformed"};
  if (failure.kind == aws::Failure::Kind::unusable) return true;
  return failure.kind == aws::Failure::Kind::refused &&
         std::find(kOfTheCaller.begin(), kOfTheCaller.end(), failure.code) == kOfTheCaller.end();
}

base::Error told_by_s3(const aws::Failure& failure) {
  constexpr int kPreconditionFailed = 412;
  base::Error error = failure.error;
  if (failure.is("AccessDenied") || (failure.status == kForbidden && failure.code == "403")) {
    error.hint =
        "reading needs s3:ListBucket and s3:GetObject, and kms:Decrypt where KMS encrypts: check "
        "the caller's IAM policy and the bucket's";
  } else if (failure.is("NoSuchBucket")) {
    error.hint = "check the bucket's name and the endpoint";
  } else if (failure.status == kPreconditionFailed) {
    error.what = "is another object by now than the one that was listed";
    error.hint = "ask again";
  } else if (failure.is("NoSuchKey")) {
    error.hint = "it was removed after it had been listed: ask again";
  }
  return error;
}

}  // namespace weir::logs
