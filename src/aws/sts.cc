#include "aws/sts.h"

#include "aws/xml.h"
#include "base/file_error.h"
#include "base/number.h"
#include "base/read_file.h"

namespace weir::aws {
namespace {

using Form = std::vector<std::pair<std::string, std::string>>;

Result<Credentials> call(Client& client, const Endpoint& endpoint, const std::string& region,
                         const Form& form, const std::string& role) {
  // The form may hold a token: it is overwritten when the call is over.
  const Secret body(encoded_query(form));
  Request request;
  request.method = "POST";
  request.endpoint = endpoint;
  request.headers = {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"}};
  request.body = bytes_of(body.reveal());
  auto response = client.send(std::move(request), {region, "sts"});
  if (!response) {
    Failure failure = std::move(response.error());
    failure.error.where = "assuming " + role + " at " + failure.error.where;
    if (failure.is("AccessDenied")) {
      failure.error.hint = "check the role's trust policy, and that the caller may sts:AssumeRole";
    }
    return tl::unexpected(std::move(failure));
  }
  Credentials out;
  if (const auto xml = parse_xml(response->body)) {
    out.access_key_id = text_of(*xml, "AccessKeyId");
    out.secret_access_key = Secret(text_of(*xml, "SecretAccessKey"));
    out.session_token = Secret(text_of(*xml, "SessionToken"));
    out.expires = parse_iso_time(text_of(*xml, "Expiration"));
  }
  out.origin = "role " + role;
  if (out.access_key_id.empty() || out.secret_access_key.empty()) {
    return cannot({"assuming " + role, "the answer of " + endpoint.url() + " has no credentials",
                   "check the endpoint of STS"});
  }
  return out;
}

Form form_of(const char* action, const Role& role) {
  Form form = {{"Action", action},
               {"Version", "2011-06-15"},
               {"RoleArn", role.arn},
               {"RoleSessionName", role.session_name}};
  if (!role.external_id.empty()) form.emplace_back("ExternalId", role.external_id);
  if (!role.duration_seconds.empty()) form.emplace_back("DurationSeconds", role.duration_seconds);
  return form;
}

/// By how much a clock with this offset is ahead of UTC.
std::optional<std::chrono::minutes> parse_offset(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") return std::chrono::minutes(0);
  const bool is_behind = text.front() == '-';
  if (!is_behind && text.front() != '+') return std::nullopt;
  std::string digits(text.substr(1));
  constexpr std::size_t kColon = 2;
  if (digits.size() > kColon && digits[kColon] == ':') digits.erase(kColon, 1);
  if (digits.size() == kColon) digits += "00";
  const auto number = base::whole_number<int>(digits);
  constexpr std::size_t kDigits = 4;
  constexpr int kMinutesOfHour = 60;
  if (digits.size() != kDigits || !number || *number < 0) return std::nullopt;
  const int hours = *number / 100;
  const int minutes = *number % 100;
  constexpr int kHoursOfDay = 24;
  if (hours >= kHoursOfDay || minutes >= kMinutesOfHour) return std::nullopt;
  const auto ahead = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return is_behind ? -ahead : ahead;
}

}  // namespace

Result<Credentials> assume_role(Client& client, const Endpoint& endpoint, const std::string& region,
                                const Role& role) {
  return call(client, endpoint, region, form_of("AssumeRole", role), role.arn);
}

Result<Credentials> assume_role_with_web_identity(Client& client, const Endpoint& endpoint,
                                                  const Role& role, const std::string& token_path) {
  auto token_file = base::read_file(token_path);
  if (!token_file) return cannot(base::file_error(token_path, "read", token_file.error()));
  std::string& token = *token_file;
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  if (token.empty()) {
    return cannot({token_path, "has no web identity token", "check AWS_WEB_IDENTITY_TOKEN_FILE"});
  }
  Form form = form_of("AssumeRoleWithWebIdentity", role);
  form.emplace_back("WebIdentityToken", std::move(token));
  return call(client, endpoint, "", form, role.arn);
}

std::optional<base::UnixSeconds> parse_iso_time(std::string_view text) {
  constexpr std::size_t kSeconds = 19;
  if (text.size() < kSeconds) return std::nullopt;
  std::string_view rest = text.substr(kSeconds);
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    const std::size_t end = rest.find_first_not_of("0123456789");
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  }
  const auto offset = parse_offset(rest);
  if (!offset) return std::nullopt;
  // Relative times make no sense here: the present is of no account.
  const auto time =
      base::parse_time(std::string(text.substr(0, kSeconds)) + "Z", base::UnixSeconds{});
  return time ? std::optional(*time - *offset) : std::nullopt;
}

}  // namespace weir::aws
