// Signs what test_signatures.py makes up, for botocore to compare: a JSON array of requests on
// standard input, one authorization a line on standard output.
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "aws/signer.h"

int main() try {
  using namespace weir::aws;
  const auto json = nlohmann::json::parse(std::cin);
  for (const auto& each : json) {
    Request request;
    request.method = each["method"];
    request.endpoint = parse_endpoint(each["endpoint"].get<std::string>(), "endpoint").value();
    request.path = percent_encoded_path(each["path"].get<std::string>());
    request.query = each["query"].get<decltype(request.query)>();
    for (const auto& header : each["headers"]) request.headers.push_back({header[0], header[1]});
    const std::string body = each["body"];
    request.body = bytes_of(body);
    Credentials credentials;
    credentials.access_key_id = each["key"];
    credentials.secret_access_key = Secret(each["secret"].get<std::string>());
    credentials.session_token = Secret(each["token"].get<std::string>());
    sign(request, credentials, {each["region"], each["service"]},
         weir::base::UnixSeconds(std::chrono::seconds(each["time"].get<std::int64_t>())));
    std::cout << header_of(request.headers, "authorization") << '\n';
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << "sign_requests: " << error.what() << '\n';
  return 1;
}
