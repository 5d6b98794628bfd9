// Finds the credentials of the surroundings that test_credentials.py makes up, for botocore to
// compare: a JSON array on standard input, an object a line on standard output. It prints secrets.
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "aws/credential_chain.h"

namespace {

using namespace weir::aws;
using nlohmann::json;

/// STS, which gives whoever asks a role's keys, numbered; and keeps what it was asked.
class Sts : public Transport {
 public:
  Result<Response> send(const Request& request) override {
    const std::string body(request.body.begin(), request.body.end());
    asked.push_back({request.url(), body, header_of(request.headers, "authorization")});
    return Response{200,
                    {},
                    "<R><Credentials><AccessKeyId>ASIA" + std::to_string(asked.size()) +
                        "</AccessKeyId><SecretAccessKey>of-sts</SecretAccessKey><SessionToken>"
                        "of-sts</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>"
                        "</Credentials></R>"};
  }
  json asked = json::array();
};

json found_in(const json& surroundings) {
  const auto variables = surroundings["variables"].get<std::map<std::string, std::string>>();
  const Environment environment{[&variables](const char* name) -> std::string {
    const auto place = variables.find(name);
    return place == variables.end() ? "" : place->second;
  }};
  Options options;
  options.profile = surroundings["profile"];
  const auto settings = ServiceSettings::find(options, environment);
  if (!settings) return {{"error", settings.error().message()}};
  Sts sts;
  const auto credentials = find_credentials({environment, options, sts, sts, Clock::of_host()});
  if (!credentials) return {{"error", credentials.error().error.message()}};
  return {{"region", settings->region},
          {"key", credentials->access_key_id},
          {"secret", credentials->secret_access_key.reveal()},
          {"token", credentials->session_token.reveal()},
          {"asked", sts.asked}};
}

}  // namespace

int main() try {
  for (const auto& each : json::parse(std::cin)) std::cout << found_in(each).dump() << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << "find_credentials: " << error.what() << '\n';
  return 1;
}
