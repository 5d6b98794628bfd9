#include "aws/metadata.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "aws/sts.h"
#include "base/file_error.h"
#include "base/read_file.h"

namespace weir::aws {
namespace {

constexpr const char* kInstance = "http://169.254.169.254";
constexpr const char* kEcs = "http://169.254.170.2";

std::string text_in(const nlohmann::json& json, const char* name) {
  const auto place = json.find(name);
  return place != json.end() && place->is_string() ? place->get<std::string>() : "";
}

nlohmann::json parsed(const std::string& text) {
  return nlohmann::json::parse(text, nullptr, false);
}

/// EKS's and the loopback are the only hosts that may be asked without TLS, as in the CLI: the
/// answer is a secret.
bool may_be_plain(const Endpoint& endpoint) {
  for (const char* host :
       {"localhost", "127.0.0.1", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"}) {
    if (endpoint.host == host) return true;
  }
  return endpoint.host.starts_with("127.");
}

base::Expected<Request> request_of(const std::string& url, const std::string& where) {
  Request request;
  auto endpoint = parse_endpoint(url, where);
  if (!endpoint) return tl::unexpected(endpoint.error());
  request.path = endpoint->path.empty() ? "/" : std::exchange(endpoint->path, "");
  request.endpoint = std::move(*endpoint);
  return request;
}

Result<std::string> fetched(Transport& transport, const Request& request) {
  auto response = transport.send(request);
  if (!response) return tl::unexpected(response.error());
  constexpr int kOk = 200;
  if (response->status != kOk) return tl::unexpected(failure_of(request, *response));
  return std::move(response->body);
}

/// Asks the instance metadata service with a fresh token.
Result<std::string> instance_says(Transport& transport, const Environment& environment,
                                  const std::string& path) {
  if (equal_ignoring_case(environment.variable("AWS_EC2_METADATA_DISABLED"), "true")) {
    return cannot({"instance metadata", "AWS_EC2_METADATA_DISABLED is set", ""});
  }
  std::string url = environment.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (url.empty()) url = kInstance;
  auto request = request_of(url, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (!request) return cannot(request.error());
  const std::string base = request->path == "/" ? "" : request->path;
  request->method = "PUT";
  request->path = base + "/latest/api/token";
  request->headers = {{"x-aws-ec2-metadata-token-ttl-seconds", "21600"}};
  auto token = fetched(transport, *request);
  if (!token) return token;
  request->method = "GET";
  request->path = base + path;
  request->headers = {{"x-aws-ec2-metadata-token", std::move(*token)}};
  return fetched(transport, *request);
}

}  // namespace

TransportSettings metadata_transport_settings(const Environment& environment) {
  TransportSettings settings;
  int seconds = 0;
  const std::string text = environment.variable("AWS_METADATA_SERVICE_TIMEOUT");
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  settings.connect_timeout = std::chrono::seconds(seconds > 0 ? seconds : 1);
  settings.total_timeout = settings.connect_timeout * 5;
  settings.uses_proxy = false;
  settings.max_answer_bytes = std::uint64_t{1} << 20U;
  return settings;
}

Result<Credentials> credentials_of_json(const nlohmann::json& json, const std::string& where) {
  Credentials out;
  out.origin = where;
  if (json.is_object()) {
    out.access_key_id = text_in(json, "AccessKeyId");
    out.secret_access_key = Secret(text_in(json, "SecretAccessKey"));
    out.session_token = Secret(text_in(json, "SessionToken"));
    if (out.session_token.empty()) out.session_token = Secret(text_in(json, "Token"));
    const auto expires = json.find("Expiration");
    if (expires != json.end() && !expires->is_null()) {
      out.expires = parse_iso_time(text_in(json, "Expiration"));
      if (!out.expires)
        return cannot(
            {where, "Expiration is no time", "it is 2026-11-25T13:43:07Z, or with another offset"});
    }
  }
  if (out.access_key_id.empty() || out.secret_access_key.empty()) {
    return cannot({where, "gave no AccessKeyId and SecretAccessKey", ""});
  }
  return out;
}

bool has_container_credentials(const Environment& environment) {
  return !environment.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").empty() ||
         !environment.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").empty();
}

Result<Credentials> container_credentials(Transport& transport, const Environment& environment) {
  const std::string relative = environment.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string full = environment.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  const std::string where = relative.empty() ? "AWS_CONTAINER_CREDENTIALS_FULL_URI"
                                             : "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
  auto request = request_of(relative.empty() ? full : kEcs + relative, where);
  if (!request) return cannot(request.error());
  if (request->endpoint.scheme == "http" && !may_be_plain(request->endpoint)) {
    return cannot({where, "names a host that credentials may not be asked of without TLS",
                   "use https, or a loopback address"});
  }
  std::string token = environment.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  const std::string path = environment.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (!path.empty()) {
    auto file = base::read_file(path);
    if (!file) return cannot(base::file_error(path, "read", file.error()));
    token = std::move(*file);
    if (token.empty()) return cannot({path, "has no authorization token", ""});
  }
  if (token.find_first_of("\r\n") != std::string::npos) {
    return cannot({where, "the authorization token has more than one line", ""});
  }
  if (!token.empty()) request->headers.push_back({"authorization", std::move(token)});
  auto text = fetched(transport, *request);
  if (!text) return tl::unexpected(text.error());
  return credentials_of_json(parsed(*text), "the container's credentials");
}

Result<Credentials> instance_credentials(Transport& transport, const Environment& environment) {
  const std::string folder = "/latest/meta-data/iam/security-credentials/";
  auto role = instance_says(transport, environment, folder);
  if (!role) return tl::unexpected(role.error());
  auto text = instance_says(transport, environment,
                            folder + percent_encoded(role->substr(0, role->find('\n'))));
  if (!text) return tl::unexpected(text.error());
  return credentials_of_json(parsed(*text), "the instance's role");
}

Result<std::string> instance_region(Transport& transport, const Environment& environment) {
  return instance_says(transport, environment, "/latest/meta-data/placement/region");
}

}  // namespace weir::aws
