#include "aws/settings.h"

#include <charconv>

namespace weir::aws {
namespace {

bool is_true(const std::string& text) {
  return equal_ignoring_case(text, "true");
}

std::string first_of(std::initializer_list<std::string> values) {
  for (const std::string& value : values) {
    if (!value.empty()) return value;
  }
  return {};
}

/// It becomes a part of the name of the host that is asked.
bool may_be_region(std::string_view text) {
  constexpr std::size_t kLongest = 63;
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
  return text.size() <= kLongest && text.find_first_not_of(kLetters) == std::string_view::npos;
}

}  // namespace

base::Expected<ServiceSettings> ServiceSettings::find(const Options& options,
                                                      const Environment& environment) {
  ServiceSettings out;
  auto profiles = Profiles::read(environment);
  if (!profiles) return tl::unexpected(profiles.error());
  out.profiles = std::move(*profiles);
  out.is_profile_given = !options.profile.empty();
  const std::string named = first_of({options.profile, environment.variable("AWS_PROFILE"),
                                      environment.variable("AWS_DEFAULT_PROFILE")});
  if (!named.empty()) out.profile_name = named;
  if (!named.empty() && out.profiles.find(named) == nullptr) {
    return tl::unexpected(out.profiles.explained(
        {out.is_profile_given ? "--profile" : "AWS_PROFILE",
         "there is no profile '" + named + "' in " + out.profiles.config_path + " or " +
             out.profiles.credentials_path,
         "`aws configure list-profiles` lists them"}));
  }
  out.region = first_of({options.region, environment.variable("AWS_REGION"),
                         environment.variable("AWS_DEFAULT_REGION"), out.get("region")});
  if (!may_be_region(out.region)) {
    return base::fail("region", "'" + out.region + "' is none", "write one such as eu-west-1");
  }
  if (!options.ca_bundle.empty()) {
    out.ca_bundle = options.ca_bundle;
    out.ca_bundle_origin = "--ca-bundle";
  } else if (std::string bundle = environment.variable("AWS_CA_BUNDLE"); !bundle.empty()) {
    out.ca_bundle = std::move(bundle);
    out.ca_bundle_origin = "AWS_CA_BUNDLE";
  } else if (bundle = out.get("ca_bundle"); !bundle.empty()) {
    out.ca_bundle = std::move(bundle);
    out.ca_bundle_origin = "ca_bundle in " + out.profiles.config_path;
  }
  const std::string attempts =
      first_of({environment.variable("AWS_MAX_ATTEMPTS"), out.get("max_attempts")});
  std::from_chars(attempts.data(), attempts.data() + attempts.size(), out.attempts);
  return out;
}

std::string ServiceSettings::get(std::string_view name) const {
  const Profile* profile = profiles.find(profile_name);
  return profile == nullptr ? "" : profile->get(name);
}

base::Expected<std::optional<Endpoint>> ServiceSettings::endpoint(
    const std::string& service, const Options& options, const Environment& environment) const {
  const auto parsed = [](const std::string& url, const std::string& where) {
    return parse_endpoint(url, where).map([](Endpoint endpoint) {
      return std::optional<Endpoint>(std::move(endpoint));
    });
  };
  // The option is about the destination, not about where a role is assumed.
  if (service != "sts" && !options.endpoint_url.empty()) {
    return parsed(options.endpoint_url, "--endpoint-url");
  }
  if (is_true(environment.variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) ||
      is_true(get("ignore_configured_endpoint_urls"))) {
    return std::nullopt;
  }
  std::string variable = "AWS_ENDPOINT_URL_";
  for (const char c : service) {
    variable += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  for (const std::string& name : {variable, std::string("AWS_ENDPOINT_URL")}) {
    const std::string url = environment.variable(name.c_str());
    if (!url.empty()) return parsed(url, name);
  }
  if (const auto place = profiles.services.find(get("services"));
      place != profiles.services.end()) {
    const auto url = place->second.find(service + ".endpoint_url");
    if (url != place->second.end() && !url->second.empty())
      return parsed(url->second, profiles.config_path);
  }
  if (const std::string url = get("endpoint_url"); !url.empty()) {
    return parsed(url, "endpoint_url in " + profiles.config_path);
  }
  return std::nullopt;
}

base::Expected<Endpoint> ServiceSettings::endpoint_in(const std::string& in_region,
                                                      const std::string& service, const char* host,
                                                      const Options& options,
                                                      const Environment& environment) const {
  auto given = endpoint(service, options, environment);
  if (!given) return tl::unexpected(given.error());
  if (*given) return **given;
  Endpoint endpoint;
  endpoint.host = aws_host(host, in_region);
  return endpoint;
}

std::string aws_host(const std::string& service, const std::string& region) {
  const char* domain = region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return service + "." + region + "." + domain;
}

}  // namespace weir::aws
