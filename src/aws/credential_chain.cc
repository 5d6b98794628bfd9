#include "aws/credential_chain.h"

#include <fmt/format.h>

#include <set>

#include "aws/credential_process.h"
#include "aws/metadata.h"
#include "aws/sts.h"
#include "base/number.h"

namespace weir::aws {
namespace {

constexpr std::size_t kMostRoles = 32;

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
    auto in_order = {&Search::of_variables, &Search::of_role, &Search::of_profile_itself,
                     &Search::of_metadata};
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
    std::string token = variable("AWS_SECURITY_TOKEN");
    if (token.empty()) token = variable("AWS_SESSION_TOKEN");
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
    std::string token = value("aws_security_token");
    if (token.empty()) token = value("aws_session_token");
    out.session_token = Secret(std::move(token));
    out.origin = where;
    if (out.secret_access_key.empty()) {
      return cannot({where, "has aws_access_key_id but no aws_secret_access_key", "write both"});
    }
    return out;
  }

  Found of_role() { return role_of(settings_.profile_name); }

  Found of_profile_itself() {
    return of_profile(settings_.profile_name, !settings_.is_profile_given);
  }

  Found of_metadata() {
    if (has_container_credentials(at_.environment)) {
      return found(container_credentials(at_.metadata, at_.environment));
    }
    auto instance = instance_credentials(at_.metadata, at_.environment);
    if (!instance) return std::nullopt;  // most hosts are no instances
    return found(std::move(instance));
  }

  /// What a profile has but for a role with a source.
  Found of_profile(const std::string& name, bool has_variables) {
    const Profile none;
    const Profile* there = settings_.profiles.find(name);
    const Profile& profile = there == nullptr ? none : *there;
    const Profiles& files = settings_.profiles;
    auto identity = web_identity_of(profile, has_variables);
    if (!identity || *identity) return identity;
    if (profile.has("sso_account_id") || profile.has("sso_role_name")) {
      return cannot(of_somebody(name, "signs in by AWS's SSO"));
    }
    auto keys = keys_of(profile.credentials, files.credentials_path + " [" + name + "]");
    if (!keys || *keys) return keys;
    if (profile.has("login_session")) {
      return cannot(of_somebody(name, "signs in by AWS's login_session"));
    }
    if (const std::string command = profile.get("credential_process"); !command.empty()) {
      const std::string& path =
          profile.is_shared("credential_process") ? files.credentials_path : files.config_path;
      return found(credentials_of_process(
          command, fmt::format("credential_process of profile {} in {}", name, path),
          at_.is_cancelled));
    }
    return keys_of(profile.config, files.config_path + " [" + name + "]");
  }

  /// An error where a person would have to be asked.
  static base::Error of_somebody(const std::string& name, const std::string& what) {
    return {"profile " + name, what,
            "run `eval \"$(aws configure export-credentials --profile " + name +
                " --format env)\"` first"};
  }

  static bool has_role(const Profile& profile) {
    return profile.has("role_arn") && !profile.has("web_identity_token_file");
  }

  static bool has_keys(const Profile& profile) {
    return profile.has("aws_access_key_id") || profile.has("aws_secret_access_key");
  }

  /// The role that a profile names. Profiles can go on to others; never in a circle.
  Found role_of(const std::string& name) {
    const Profile* profile = settings_.profiles.find(name);
    if (profile == nullptr || !has_role(*profile)) return std::nullopt;
    const std::string where = "profile " + name;
    if (profile->has("mfa_serial")) {
      return cannot(
          of_somebody(name, "asks for a code of an MFA device, and nobody is there to type it"));
    }
    visited_.insert(name);
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
    Role role{profile->get("role_arn"), session_name(profile->get("role_session_name")),
              profile->get("external_id"), profile->get("duration_seconds")};
    if (!base::whole_number<int>(role.duration_seconds)) role.duration_seconds.clear();
    return found(assume_role(client, *endpoint, sts_region(), role));
  }

  Found source_of(const Profile& profile, const std::string& name) {
    const std::string from = profile.get("credential_source");
    const std::string source = profile.get("source_profile");
    if (!from.empty() && !source.empty()) {
      return cannot({"profile " + name, "has both source_profile and credential_source",
                     "leave one of them away"});
    }
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
    if (source.empty()) {
      return cannot({"profile " + name, "has role_arn without source_profile", "add one"});
    }
    const Profile* there = settings_.profiles.find(source);
    if (there == nullptr) {
      return missing({"profile " + name, "source_profile " + source + " is not there", ""});
    }
    if (visited_.size() >= kMostRoles) {
      return cannot({"profile " + name, "more roles in a row lead to it than anybody needs",
                     "mend the config file"});
    }
    // A profile may name itself: then its own keys assume the role.
    if (visited_.contains(source) && !(source == name && has_keys(*there))) {
      return cannot({"profile " + name, "its source_profile " + source + " leads back to it",
                     "mend the config file"});
    }
    return has_role(*there) && !has_keys(*there) ? role_of(source) : of_profile(source, false);
  }

  /// Each of the three settings is the variable's where there is one.
  Found web_identity_of(const Profile& profile, bool has_variables) {
    const auto setting = [&](const char* name, const char* variable_name) {
      std::string value = has_variables ? variable(variable_name) : "";
      return value.empty() ? profile.get(name) : value;
    };
    const std::string token = setting("web_identity_token_file", "AWS_WEB_IDENTITY_TOKEN_FILE");
    if (token.empty()) return std::nullopt;
    const Role role{setting("role_arn", "AWS_ROLE_ARN"),
                    session_name(setting("role_session_name", "AWS_ROLE_SESSION_NAME")),
                    {},
                    {}};
    if (role.arn.empty()) {
      return cannot({"AWS_WEB_IDENTITY_TOKEN_FILE", "is given without a role",
                     "set AWS_ROLE_ARN, or role_arn in the profile"});
    }
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
