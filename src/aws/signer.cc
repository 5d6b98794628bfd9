#include "aws/signer.h"

#include <fmt/format.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/digest.h"

namespace weir::aws {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

base::Sha256 hmac(std::span<const std::uint8_t> key, std::string_view text) {
  base::Sha256 out{};
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text).data(), text.size(),
       out.data(), nullptr);
  return out;
}

/// Without space at its ends, each run of spaces within as one.
std::string canonical(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_space = c == ' ' || c == '\t';
    if (is_space && (out.empty() || out.back() == ' ')) continue;
    out += is_space ? ' ' : c;
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

/// What is added after signing, or may be changed on the way.
bool is_signed(std::string_view lower_name) {
  constexpr std::array<std::string_view, 7> kUnsigned = {
      "authorization",     "connection",      "expect", "user-agent",
      "transfer-encoding", "x-amzn-trace-id", "accept"};
  return std::find(std::begin(kUnsigned), std::end(kUnsigned), lower_name) == std::end(kUnsigned);
}

/// "/a/./b//../c/" becomes "/a/c/".
std::string normalised(std::string_view path) {
  std::vector<std::string_view> parts;
  const bool is_folder =
      path.empty() || path.back() == '/' || path.ends_with("/.") || path.ends_with("/..");
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  std::string out;
  for (const std::string_view part : parts) out += "/" + std::string(part);
  if (out.empty() || is_folder) out += '/';
  return out;
}

std::string body_hash(const Request& request) {
  if (!request.body_sha256.empty()) return request.body_sha256;
  base::Digest digest;
  digest.add(request.body);
  return digest.take_hex();
}

}  // namespace

std::string amz_date(base::UnixSeconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

Signature signature_of(const Request& request, const Credentials& credentials, const Scope& scope,
                       base::UnixSeconds time) {
  std::map<std::string, std::string> headers;
  for (const Header& header : request.headers) {
    std::string name = lowered(header.name);
    if (!is_signed(name)) continue;
    const auto [place, is_new] = headers.emplace(std::move(name), canonical(header.value));
    if (!is_new) place->second += "," + canonical(header.value);
  }
  headers.try_emplace("host", request.endpoint.authority());

  std::string listed;
  std::string names;
  for (const auto& [name, value] : headers) {
    listed.append(name).append(":").append(value).append("\n");
    if (!names.empty()) names += ';';
    names += name;
  }
  const std::string full_path = request.endpoint.path + request.path;
  const std::string path =
      scope.service == "s3" ? full_path : percent_encoded_path(normalised(full_path));

  Signature signature;
  signature.canonical_request =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, path, encoded_query(request.query),
                  listed, names, body_hash(request));
  base::Digest digest;
  digest.add(signature.canonical_request);
  const std::string date = amz_date(time);
  const std::string day = date.substr(0, 8);
  const std::string credential_scope =
      fmt::format("{}/{}/{}/aws4_request", day, scope.region, scope.service);
  signature.string_to_sign =
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, date, credential_scope, digest.take_hex());

  const Secret first("AWS4" + credentials.secret_access_key.reveal());
  base::Sha256 key = hmac(bytes_of(first.reveal()), day);
  key = hmac(key, scope.region);
  key = hmac(key, scope.service);
  key = hmac(key, "aws4_request");
  signature.authorization = fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}",
                                        kAlgorithm, credentials.access_key_id, credential_scope,
                                        names, base::hex(hmac(key, signature.string_to_sign)));
  return signature;
}

void sign(Request& request, const Credentials& credentials, const Scope& scope,
          base::UnixSeconds time) {
  std::erase_if(request.headers, [](const Header& header) {
    return equal_ignoring_case(header.name, "x-amz-security-token") ||
           equal_ignoring_case(header.name, "authorization");
  });
  request.set("host", request.endpoint.authority());
  request.set("x-amz-date", amz_date(time));
  if (scope.service == "s3") {
    request.body_sha256 = body_hash(request);
    request.set("x-amz-content-sha256", request.body_sha256);
  }
  if (!credentials.session_token.empty()) {
    request.set("x-amz-security-token", credentials.session_token.reveal());
  }
  request.set("authorization", signature_of(request, credentials, scope, time).authorization);
}

}  // namespace weir::aws
