#include "aws/s3.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "aws/base64.h"
#include "aws/settings.h"
#include "aws/xml.h"
#include "base/digest.h"

namespace weir::aws {
namespace {

constexpr std::string_view kScheme = "s3://";
constexpr std::string_view kArn = ":s3:::";

bool is_bucket_name(std::string_view name) {
  constexpr std::size_t kShortest = 3;
  constexpr std::size_t kLongest = 63;
  if (name.size() < kShortest || name.size() > kLongest) return false;
  // Capitals and underscores are of old buckets, and of other servers.
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

/// Whether the bucket's name can stand in front of a host's; with TLS without dots, since the
/// certificate's "*" is no dot.
bool can_be_host(std::string_view bucket, bool has_tls) {
  return std::all_of(bucket.begin(), bucket.end(), [has_tls](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (c == '.' && !has_tls);
  });
}

std::string unquoted(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

/// "2009-10-12T17:50:30.000Z"; 1970 for what is no time.
base::UnixSeconds modified_of(std::string_view text) {
  return base::parse_time(text.substr(0, text.find('.')), {}).value_or(base::UnixSeconds());
}

/// A key of a listing with encoding-type=url, which also writes a space as "+".
std::string decoded(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::string md5_of(std::string_view text) {
  std::array<std::uint8_t, 16> bytes{};
  unsigned length = 0;
  if (EVP_Digest(text.data(), text.size(), bytes.data(), &length, EVP_md5(), nullptr) != 1) {
    return {};  // not there in FIPS mode
  }
  return base::hex(bytes);
}

/// Whether what arrived is what the server says was stored; true if it does not say.
bool is_whole(const Response& response) {
  const std::string_view sha256 = response.header("x-amz-checksum-sha256");
  if (!sha256.empty() && sha256.find('-') == std::string_view::npos) {
    base::Digest digest;
    digest.add(response.body);
    return base64(digest.take()) == sha256;
  }
  // An ETag is an MD5 only without parts, and without KMS's encryption.
  const std::string etag = unquoted(response.header("etag"));
  constexpr std::size_t kMd5Digits = 32;
  const bool is_md5 = etag.size() == kMd5Digits &&
                      etag.find_first_not_of("0123456789abcdef") == std::string::npos &&
                      !response.header("x-amz-server-side-encryption").starts_with("aws:") &&
                      response.header("x-amz-server-side-encryption-customer-algorithm").empty();
  if (!is_md5) return true;
  const std::string md5 = md5_of(response.body);
  return md5.empty() || md5 == etag;
}

/// Whether these bytes were asked for: some servers know no ranges, and answer with the whole.
bool is_of_range(const Response& response, const ByteRange& range) {
  constexpr int kPartialContent = 206;
  return response.status == kPartialContent && response.body.size() <= range.count &&
         response.header("content-range").starts_with(fmt::format("bytes {}-", range.first));
}

/// Why it is not what was asked for; nothing: it is.
std::optional<base::Error> complaint(const Response& response, const GetOptions& options) {
  if (options.range && !is_of_range(response, *options.range)) {
    return base::Error{"", "other bytes arrive than were asked for",
                       "if it is so with all objects, the server knows no ranges: copy them, and "
                       "read the copies"};
  }
  if (options.most_bytes != 0 && response.body.size() > options.most_bytes) {
    return base::Error{"", "more bytes arrive than were asked for",
                       "if it was replaced meanwhile, ask again"};
  }
  if (!options.range && !is_whole(response)) {
    return base::Error{"", "what arrives is not what the object's checksum says",
                       "read it by another way: it is damaged where it is stored, or on its way"};
  }
  return std::nullopt;
}

}  // namespace

bool is_s3_url(std::string_view text) {
  return text.starts_with(kScheme) ||
         (text.starts_with("arn:aws") && text.find(kArn) != std::string_view::npos);
}

base::Expected<ObjectName> parse_s3_url(std::string_view text, const std::string& where) {
  std::string_view rest;
  if (text.starts_with(kScheme)) {
    rest = text.substr(kScheme.size());
  } else if (is_s3_url(text)) {
    rest = text.substr(text.find(kArn) + kArn.size());
  }
  const std::size_t slash = rest.find('/');
  ObjectName name;
  name.bucket = rest.substr(0, slash);
  if (slash != std::string_view::npos) name.key = rest.substr(slash + 1);
  if (!is_bucket_name(name.bucket)) {
    return base::fail(where, "'" + std::string(text) + "' names no bucket",
                      "write s3://bucket/prefix; a bucket's name has 3 to 63 letters, digits, dots "
                      "and dashes");
  }
  return name;
}

bool S3::is_aws() const {
  return !settings_.endpoint || settings_.endpoint->host.ends_with(".amazonaws.com") ||
         settings_.endpoint->host.ends_with(".amazonaws.com.cn");
}

std::string S3::endpoint_url() const {
  return settings_.endpoint ? settings_.endpoint->url()
                            : "https://" + aws_host("s3", settings_.region);
}

std::string S3::region_of(const std::string& bucket) const {
  const std::scoped_lock lock(mutex_);
  const auto place = regions_.find(bucket);
  return place == regions_.end() ? settings_.region : place->second;
}

void S3::place(Request& request, const ObjectName& name, const std::string& region) const {
  Endpoint endpoint;
  if (settings_.endpoint) {
    endpoint = *settings_.endpoint;
  } else {
    endpoint.host = aws_host("s3", region);
  }
  bool is_host = settings_.addressing == Addressing::virtual_host;
  if (settings_.addressing == Addressing::automatic) {
    is_host = !settings_.endpoint && can_be_host(name.bucket, endpoint.scheme == "https");
  }
  request.path = "/" + percent_encoded_path(name.key);
  if (is_host) {
    endpoint.host = name.bucket + "." + endpoint.host;
  } else {
    request.path = "/" + name.bucket + (name.key.empty() ? "" : request.path);
  }
  request.endpoint = std::move(endpoint);
}

Request S3::request_for(const char* method, const ObjectName& name, Query query) const {
  Request request;
  request.method = method;
  request.query = std::move(query);
  place(request, name, region_of(name.bucket));
  return request;
}

Result<Response> S3::send(const ObjectName& name, Request request) {
  std::string region = region_of(name.bucket);
  for (bool has_moved = false;; has_moved = true) {
    place(request, name, region);
    auto response = client_.send(request, {region, "s3"});
    if (response) return response;
    Failure& failure = response.error();
    // 301 and 400 name the region where the bucket is.
    const bool is_elsewhere =
        failure.status == 301 || failure.status == 307 || failure.status == 400;
    if (is_elsewhere && !failure.region.empty() && failure.region != region && !has_moved) {
      region = failure.region;
      const std::scoped_lock lock(mutex_);
      regions_[name.bucket] = region;
      continue;
    }
    if (failure.kind == Failure::Kind::local) return response;
    const std::string url = name.key.empty() ? "s3://" + name.bucket : name.url();
    failure.error.where =
        failure.kind == Failure::Kind::unreachable ? url + " at " + request.endpoint.url() : url;
    return response;
  }
}

void PutOptions::set_on(Request& request) const {
  if (!acl.empty()) request.set("x-amz-acl", acl);
  if (!content_type.empty()) request.set("content-type", content_type);
  if (!encryption.empty()) request.set("x-amz-server-side-encryption", encryption);
  if (!kms_key_id.empty()) {
    request.set("x-amz-server-side-encryption-aws-kms-key-id", kms_key_id);
  }
}

void GetOptions::set_on(Request& request) const {
  if (range) {
    request.set("range", fmt::format("bytes={}-{}", range->first, range->first + range->count - 1));
  } else {
    request.set("x-amz-checksum-mode", "ENABLED");
  }
  if (!if_match.empty()) request.set("if-match", '"' + if_match + '"');
  constexpr std::uint64_t kRoomForAnError = std::uint64_t{64} << 10U;
  if (most_bytes != 0) request.max_answer_bytes = most_bytes + kRoomForAnError;
}

Result<std::string> S3::put(const ObjectName& name, std::span<const std::uint8_t> bytes,
                            const PutOptions& options) {
  Request request = request_for("PUT", name, {});
  base::Digest digest;
  digest.add(bytes);
  request.body = bytes;
  return put_body(name, std::move(request), digest.take(), options);
}

Result<std::string> S3::put_body(const ObjectName& name, Request request, const base::Sha256& hash,
                                 const PutOptions& options) {
  request.body_sha256 = base::hex(hash);
  request.headers = {{"x-amz-checksum-sha256", base64(hash)}};
  if (options.is_new) request.set("if-none-match", "*");
  options.set_on(request);
  auto response = send(name, std::move(request));
  if (!response) return tl::unexpected(std::move(response.error()));
  return unquoted(response->header("etag"));
}

Result<std::string> S3::get(const ObjectName& name, const GetOptions& options) {
  constexpr int kAttempts = 2;  // what arrived damaged once may arrive whole
  for (int attempt = 1;; ++attempt) {
    Request request = request_for("GET", name, {});
    options.set_on(request);
    auto response = send(name, std::move(request));
    if (!response) return tl::unexpected(std::move(response.error()));
    auto wrong = complaint(*response, options);
    if (!wrong) return std::move(response->body);
    if (attempt == kAttempts) {
      auto failure = cannot({name.url(), std::move(wrong->what), std::move(wrong->hint)});
      failure.value().kind = Failure::Kind::unusable;
      return failure;
    }
  }
}

Result<ObjectInfo> S3::head(const ObjectName& name) {
  auto response = send(name, request_for("HEAD", name, {}));
  if (!response) return tl::unexpected(std::move(response.error()));
  ObjectInfo info;
  info.key = name.key;
  info.bytes = std::strtoull(std::string(response->header("content-length")).c_str(), nullptr, 10);
  info.etag = unquoted(response->header("etag"));
  return info;
}

Result<void> S3::remove(const ObjectName& name) {
  auto response = send(name, request_for("DELETE", name, {}));
  if (!response) return tl::unexpected(std::move(response.error()));
  return {};
}

Result<ListPage> S3::list(const std::string& bucket, const ListRequest& asked) {
  Query query = {{"list-type", "2"},
                 {"encoding-type", "url"},  // XML has no form for some characters of keys
                 {"prefix", asked.prefix},
                 {"max-keys", std::to_string(asked.max_keys)}};
  if (!asked.delimiter.empty()) query.emplace_back("delimiter", asked.delimiter);
  if (!asked.start_after.empty()) query.emplace_back("start-after", asked.start_after);
  if (!asked.continuation.empty()) query.emplace_back("continuation-token", asked.continuation);
  const ObjectName name{bucket, ""};
  Request request = request_for("GET", name, std::move(query));
  // A thousand keys of 1,024 bytes, each of three characters, and what stands beside them.
  constexpr std::uint64_t kLongestPage = std::uint64_t{16} << 20U;
  request.max_answer_bytes = kLongestPage;
  auto response = send(name, std::move(request));
  if (!response) return tl::unexpected(std::move(response.error()));
  const auto xml = parse_xml(response->body);
  const pugi::xml_node result = xml ? xml->child("ListBucketResult") : pugi::xml_node();
  if (!result) {
    return cannot({"s3://" + bucket, "the listing is no ListBucketResult",
                   "check that the endpoint is S3's"});
  }
  const bool is_encoded = std::string_view(result.child_value("EncodingType")) == "url";
  const auto key_of = [is_encoded](const char* text) {
    return is_encoded ? decoded(text) : std::string(text);
  };
  ListPage page;
  for (const pugi::xml_node each : result.children("Contents")) {
    page.objects.push_back({key_of(each.child_value("Key")), each.child("Size").text().as_ullong(),
                            unquoted(each.child_value("ETag")),
                            modified_of(each.child_value("LastModified"))});
  }
  for (const pugi::xml_node each : result.children("CommonPrefixes")) {
    page.prefixes.push_back(key_of(each.child_value("Prefix")));
  }
  if (std::string_view(result.child_value("IsTruncated")) == "true") {
    page.continuation = result.child_value("NextContinuationToken");
    if (page.continuation.empty() || page.continuation == asked.continuation) {
      return cannot({"s3://" + bucket, "the listing says that there is more, and not where",
                     "check that the endpoint knows ListObjectsV2"});
    }
  }
  return page;
}

Result<void> S3::head_bucket(const std::string& bucket) {
  const ObjectName name{bucket, ""};
  auto response = send(name, request_for("HEAD", name, {}));
  if (!response) return tl::unexpected(std::move(response.error()));
  return {};
}

Result<std::string> S3::location(const std::string& bucket) {
  const ObjectName name{bucket, ""};
  auto response = send(name, request_for("GET", name, {{"location", ""}}));
  if (!response) return tl::unexpected(std::move(response.error()));
  std::string region;
  if (const auto xml = parse_xml(response->body)) region = text_of(*xml, "LocationConstraint");
  if (region.empty()) return std::string("us-east-1");
  return region == "EU" ? "eu-west-1" : region;  // the first bucket regions' old name
}

Result<std::optional<std::string>> S3::policy(const std::string& bucket) {
  const ObjectName name{bucket, ""};
  auto response = send(name, request_for("GET", name, {{"policy", ""}}));
  if (response) return std::optional(std::move(response->body));
  if (response.error().is("NoSuchBucketPolicy")) return std::optional<std::string>();
  return tl::unexpected(std::move(response.error()));
}

Result<void> S3::put_policy(const std::string& bucket, const std::string& policy) {
  const ObjectName name{bucket, ""};
  Request request = request_for("PUT", name, {{"policy", ""}});
  request.set("content-type", "application/json");
  request.body = bytes_of(policy);
  auto response = send(name, std::move(request));
  if (!response) return tl::unexpected(std::move(response.error()));
  return {};
}

Result<void> S3::remove_policy(const std::string& bucket) {
  const ObjectName name{bucket, ""};
  auto response = send(name, request_for("DELETE", name, {{"policy", ""}}));
  if (!response) return tl::unexpected(std::move(response.error()));
  return {};
}

}  // namespace weir::aws
