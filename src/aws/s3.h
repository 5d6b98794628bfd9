// S3's operations, as far as delivering and reading flow logs needs them.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aws/client.h"

namespace weir::aws {

/// "s3://bucket/some/key": what a call is about.
struct ObjectName {
  std::string bucket;
  std::string key;  ///< plain; encoded once for the wire

  [[nodiscard]] std::string url() const { return "s3://" + bucket + "/" + key; }
};

/// Reads "s3://bucket/prefix" and "arn:aws:s3:::bucket/prefix"; the prefix may be empty. Error: no
/// such name, or a bucket's name that cannot be. `where` is for errors.
base::Expected<ObjectName> parse_s3_url(std::string_view text, const std::string& where);
bool is_s3_url(std::string_view text);

enum class Addressing : std::uint8_t {
  automatic,  ///< virtual hosts on AWS, paths on endpoints of one's own, as the CLI does
  path,
  virtual_host,
};

struct S3Settings {
  std::optional<Endpoint> endpoint;  ///< none: AWS's
  std::string region = "us-east-1";  ///< of the first try; a bucket's own is learned
  Addressing addressing = Addressing::automatic;
};

struct PutOptions {
  bool is_new = false;     ///< If-None-Match: *, so that 412 means that the key is taken
  std::string acl;         ///< "bucket-owner-full-control"
  std::string encryption;  ///< "AES256", "aws:kms"; "": as the bucket says
  std::string kms_key_id;  ///< of aws:kms; "": AWS's own key
  std::string content_type;
  /// Of a file that is put as a whole, where it is known; else the file is read for it.
  std::optional<base::Sha256> sha256 = std::nullopt;
  /// Larger files go in parts of that length. No object of a flow log is so large: the bucket's
  /// policy demands the ACL, which Ceph's gateway does not see where an upload in parts begins.
  std::uint64_t part_bytes = std::uint64_t{128} << 20U;

  /// Puts the headers on a request, If-None-Match apart.
  void set_on(Request& request) const;
};

struct ObjectInfo {
  std::string key;
  std::uint64_t bytes = 0;
  std::string etag;                 ///< without quotes
  base::UnixSeconds modified = {};  ///< of listings; 1970 where the server does not tell
};

struct ListRequest {
  std::string prefix;
  std::string delimiter;     ///< "/": keys below are told as `prefixes`
  std::string start_after;   ///< keys after this one
  std::string continuation;  ///< of the page before
  int max_keys = 1000;
};

struct ListPage {
  std::vector<ObjectInfo> objects;
  std::vector<std::string> prefixes;
  std::string continuation;  ///< "": that was the last page
};

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;  ///< more than 0
};

struct GetOptions {
  std::optional<ByteRange> range;
  std::string if_match;          ///< an ETag, so that 412 means that the object is another by now
  std::uint64_t most_bytes = 0;  ///< more are refused; 0: as many as the transport takes

  void set_on(Request& request) const;
};

/// For several threads at once. Errors keep AWS's names: `failure.is("NoSuchBucket")`.
class S3 {
 public:
  /// `client` outlives it.
  S3(Client& client, S3Settings settings) : client_(client), settings_(std::move(settings)) {}

  /// Returns the ETag. The SHA-256 of the bytes is signed, so that the server refuses what arrived
  /// damaged, and given as the object's checksum.
  Result<std::string> put(const ObjectName& name, std::span<const std::uint8_t> bytes,
                          const PutOptions& options);
  /// The same of a file's first `size` bytes, read as they are sent; very many go in parts. What
  /// had been sent is withdrawn if a part fails.
  Result<std::string> put_file(const ObjectName& name, const std::string& path, std::uint64_t size,
                               const PutOptions& options);
  /// The bytes, compared with the object's checksum or MD5 where the server tells one of the whole.
  /// Fewer than the range has only where the object ends. Others, or more, are `unusable`.
  Result<std::string> get(const ObjectName& name, const GetOptions& options = {});
  Result<ObjectInfo> head(const ObjectName& name);
  Result<void> remove(const ObjectName& name);
  Result<ListPage> list(const std::string& bucket, const ListRequest& asked);

  Result<void> head_bucket(const std::string& bucket);
  /// The bucket's region: "us-east-1" for AWS's empty answer.
  Result<std::string> location(const std::string& bucket);
  /// Nothing if the bucket has none.
  Result<std::optional<std::string>> policy(const std::string& bucket);
  Result<void> put_policy(const std::string& bucket, const std::string& policy);
  Result<void> remove_policy(const std::string& bucket);

  /// Of the client.
  [[nodiscard]] const Traffic& traffic() const { return client_.traffic(); }
  /// Whether requests go to AWS itself.
  [[nodiscard]] bool is_aws() const;
  [[nodiscard]] std::string endpoint_url() const;

 private:
  using Query = std::vector<std::pair<std::string, std::string>>;

  Request request_for(const char* method, const ObjectName& name, Query query) const;
  /// Signs for the bucket's region, and learns it where the answer names another.
  Result<Response> send(const ObjectName& name, Request request);
  void place(Request& request, const ObjectName& name, const std::string& region) const;
  [[nodiscard]] std::string region_of(const std::string& bucket) const;

  /// A body whose hash is known.
  Result<std::string> put_body(const ObjectName& name, Request request, const base::Sha256& hash,
                               const PutOptions& options);
  Result<std::string> put_whole(const ObjectName& name, const FilePart& file,
                                const PutOptions& options);
  Result<std::string> put_in_parts(const ObjectName& name, const FilePart& file,
                                   const PutOptions& options);
  Result<std::string> begin_parts(const ObjectName& name, const PutOptions& options);
  Result<std::string> put_part(const ObjectName& name, const std::string& upload, int number,
                               const FilePart& part);
  Result<std::vector<std::string>> put_parts(const ObjectName& name, const std::string& upload,
                                             const FilePart& file, std::uint64_t part_bytes);
  Result<std::string> finish_parts(const ObjectName& name, const std::string& upload,
                                   const std::vector<std::string>& etags,
                                   const PutOptions& options);
  /// Whether an upload that is no longer there has become the object; else its failure.
  Result<std::string> found_finished(const ObjectName& name, std::uint64_t size, Failure failure);

  Client& client_;
  S3Settings settings_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> regions_;  ///< of buckets, where another than settings_.region
};

}  // namespace weir::aws
