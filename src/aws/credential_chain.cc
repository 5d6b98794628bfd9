#include "aws/credential_chain.h"

#include <fmt/format.h>

#include <set>

#include "aws/credential_process.h"
#include "aws/metadata.h"
#include "aws/sts.h"

namespace weir::aws {
namespace {

/// Found, or not there at all; what is there and wrong is an error.
using Found = Result<std::optional<Credentials>>;

Found found(Result<Credentials> credentials) {
  if (!credentials) return tl::unexpected(std::move(credentials.error()));
  return std::optional<Credentials>(std::move(*credentials));
}

class Search {
 public:
  Search(const Surroundings& surroundings, ServiceSettings settings)
      : at_(surroundings), settings_(std::move(settings)) {}

  Result<Credentials> run() {
    auto in_order = {&Search::of_variables, &Search::of_role, &Search::of_web_identity,
                     &Search::of_profile_itself, &Search::of_metadata};
    for (const auto& step : in_order) {
      auto result = (this->*step)();
      if (!result) return tl::unexpected(std::move(result.error()));
      if (*result) return std::move(**result);
    }
    return missing({"", "there are no AWS credentials",
                    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or write "
                    "them with `aws configure`"});
  }

 private:
  [[nodiscard]] tl::unexpected<Failure> missing(base::Error error) const {
    return cannot(settings_.profiles.explained(std::move(error)));
  }

  [[nodiscard]] std::string variable(const char* name) const {
    return at_.environment.variable(name);
  }

  Found of_variables() {
    if (settings_.is_profile_given) return std::nullopt;
    return keys_of_variables();
  }

  Found keys_of_variables() const {
    Credentials out;
    out.access_key_id = variable("AWS_ACCESS_KEY_ID");
    if (out.access_key_id.empty()) return std::nullopt;
    out.secret_access_key = Secret(variable("AWS_SECRET_ACCESS_KEY"));
    std::string token = variable("AWS_SESSION_TOKEN");
    if (token.empty()) token = variable("AWS_SECURITY_TOKEN");
    out.session_token = Secret(std::move(token));
    out.origin = "AWS_ACCESS_KEY_ID";
    if (out.secret_access_key.empty()) {
      return cannot({"AWS_SECRET_ACCESS_KEY", "is not set, but AWS_ACCESS_KEY_ID is", "set both"});
    }
    return out;
  }

  static Found keys_of(const Settings& settings, const std::string& where) {
    const auto value = [&settings](const char* name) {
      const auto place = settings.find(name);
      return place == settings.end() ? std::string() : place->second;
    };
    Credentials out;
    out.access_key_id = value("aws_access_key_id");
    if (out.access_key_id.empty()) return std::nullopt;
    out.secret_access_key = Secret(value("aws_secret_access_key"));
    out.session_token = Secret(value("aws_session_token"));
    out.origin = where;
    if (out.secret_access_key.empty()) {
      return cannot({where, "has aws_access_key_id but no aws_secret_access_key", "write both"});
    }
    return out;
  }

  Found of_role() { return role_of(settings_.profile_name); }

  Found of_web_identity() {
    std::string token = settings_.is_profile_given ? "" : variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    Role role;
    if (!token.empty()) {
      role.arn = variable("AWS_ROLE_ARN");
      role.session_name = variable("AWS_ROLE_SESSION_NAME");
    } else {
      token = settings_.get("web_identity_token_file");
      role.arn = settings_.get("role_arn");
      role.session_name = settings_.get("role_session_name");
    }
    if (token.empty()) return std::nullopt;
    return assumed_with_token(role, token);
  }

  Found of_profile_itself() { return keys_or_process_of(settings_.profile_name); }

  Found of_metadata() {
    if (has_container_credentials(at_.environment)) {
      return found(container_credentials(at_.metadata, at_.environment));
    }
    auto instance = instance_credentials(at_.metadata, at_.environment);
    if (!instance) return std::nullopt;  // most hosts are no instances
    return found(std::move(instance));
  }

  Found keys_or_process_of(const std::string& name) {
    const Profile* profile = settings_.profiles.find(name);
    if (profile == nullptr) return std::nullopt;
    auto keys =
        keys_of(profile->credentials, settings_.profiles.credentials_path + " [" + name + "]");
    if (!keys || *keys) return keys;
    if (const std::string command = profile->get("credential_process"); !command.empty()) {
      const Profiles& files = settings_.profiles;
      const bool is_shared = profile->credentials.contains("credential_process");
      const std::string& path = is_shared ? files.credentials_path : files.config_path;
      return found(credentials_of_process(
          command, fmt::format("credential_process of profile {} in {}", name, path),
          at_.is_cancelled));
    }
    keys = keys_of(profile->config, settings_.profiles.config_path + " [" + name + "]");
    if (!keys || *keys) return keys;
    for (const char* setting : {"sso_session", "sso_start_url", "login_session"}) {
      if (profile->get(setting).empty()) continue;
      return cannot({"profile " + name, "signs in by AWS's " + std::string(setting),
                     "run `eval \"$(aws configure export-credentials --profile " + name +
                         " --format env)\"` first"});
    }
    return std::nullopt;
  }

  /// The role that a profile names. Profiles can go on to others; never in a circle.
  Found role_of(const std::string& name) {
    const Profile* profile = settings_.profiles.find(name);
    if (profile == nullptr) return std::nullopt;
    const std::string arn = profile->get("role_arn");
    const std::string where = "profile " + name;
    if (arn.empty() || !profile->get("web_identity_token_file").empty()) return std::nullopt;
    if (!profile->get("mfa_serial").empty()) {
      return cannot({where, "asks for a code of an MFA device, and nobody is there to type it",
                     "run `eval \"$(aws configure export-credentials --profile " + name +
                         " --format env)\"` first"});
    }
    if (!visited_.insert(name).second) {
      return cannot({where, "source_profile leads back to it", "mend the config file"});
    }
    auto source = source_of(*profile, name);
    if (!source) return source;
    if (!*source) {
      return missing({where, "has role_arn, but its source has no credentials",
                      "give it a source_profile or credential_source that has"});
    }
    FixedCredentials fixed(std::move(**source));
    Client client(at_.transport, &fixed, at_.clock);
    auto endpoint = sts_endpoint();
    if (!endpoint) return cannot(endpoint.error());
    const Role role{arn, session_name(profile->get("role_session_name")),
                    profile->get("external_id"), profile->get("duration_seconds")};
    return found(assume_role(client, *endpoint, sts_region(), role));
  }

  Found source_of(const Profile& profile, const std::string& name) {
    const std::string from = profile.get("credential_source");
    if (from == "Environment") return keys_of_variables();
    if (from == "Ec2InstanceMetadata") {
      return found(instance_credentials(at_.metadata, at_.environment));
    }
    if (from == "EcsContainer") {
      return found(container_credentials(at_.metadata, at_.environment));
    }
    if (!from.empty()) {
      return cannot({"profile " + name, "credential_source '" + from + "' is not known",
                     "write Environment, Ec2InstanceMetadata or EcsContainer"});
    }
    const std::string source = profile.get("source_profile");
    if (source.empty()) {
      return cannot({"profile " + name, "has role_arn without source_profile", "add one"});
    }
    if (settings_.profiles.find(source) == nullptr) {
      return missing({"profile " + name, "source_profile " + source + " is not there", ""});
    }
    // A profile may name itself: then its own keys assume the role.
    if (source != name) {
      auto role = role_of(source);
      if (!role || *role) return role;
      auto identity = web_identity_of(source);
      if (!identity || *identity) return identity;
    }
    return keys_or_process_of(source);
  }

  Found web_identity_of(const std::string& name) {
    const Profile* profile = settings_.profiles.find(name);
    const std::string token = profile->get("web_identity_token_file");
    if (token.empty()) return std::nullopt;
    return assumed_with_token({profile->get("role_arn"), profile->get("role_session_name"), {}, {}},
                              token);
  }

  Found assumed_with_token(Role role, const std::string& token) {
    if (role.arn.empty()) {
      return cannot({"AWS_WEB_IDENTITY_TOKEN_FILE", "is given without a role",
                     "set AWS_ROLE_ARN, or role_arn in the profile"});
    }
    role.session_name = session_name(role.session_name);
    Client client(at_.transport, nullptr, at_.clock);
    auto endpoint = sts_endpoint();
    if (!endpoint) return cannot(endpoint.error());
    return found(assume_role_with_web_identity(client, *endpoint, role, token));
  }

  [[nodiscard]] std::string session_name(const std::string& given) const {
    if (!given.empty()) return given;
    return "weir-" + std::to_string(at_.clock.now().time_since_epoch().count());
  }

  [[nodiscard]] std::string sts_region() const {
    return settings_.region.empty() ? "us-east-1" : settings_.region;
  }

  [[nodiscard]] base::Expected<Endpoint> sts_endpoint() const {
    return settings_.endpoint_in(sts_region(), "sts", "sts", at_.options, at_.environment);
  }

  const Surroundings& at_;
  ServiceSettings settings_;
  std::set<std::string> visited_;
};

}  // namespace

Result<Credentials> find_credentials(const Surroundings& surroundings) {
  auto settings = ServiceSettings::find(surroundings.options, surroundings.environment);
  if (!settings) return cannot(settings.error());
  return Search(surroundings, std::move(*settings)).run();
}

std::unique_ptr<CredentialsSource> credentials_of(Surroundings surroundings) {
  return std::make_unique<RenewedCredentials>(
      [surroundings = std::move(surroundings)](base::UnixSeconds /*now*/) {
        return find_credentials(surroundings);
      });
}

}  // namespace weir::aws
