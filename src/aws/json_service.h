// Services that speak JSON 1.1 over HTTP: CloudWatch Logs, Data Firehose.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "aws/client.h"

namespace weir::aws {

/// Where such a service is, and what its calls are named by.
struct JsonServicePlace {
  Endpoint endpoint;
  Scope scope;         ///< "logs", "firehose"
  std::string target;  ///< "Logs_20140328": stands before the operation in x-amz-target
};

class JsonService {
 public:
  struct Answer {
    nlohmann::json body;  ///< an object
    bool may_be_repeated = false;
  };

  /// `client` outlives it.
  JsonService(Client& client, JsonServicePlace place) : client_(client), place_(std::move(place)) {}

  /// What is no UTF-8 in `input` arrives as U+FFFD. An answer that is no JSON is a failure.
  Result<Answer> call(const std::string& operation, const nlohmann::json& input);
  /// An operation that has no answer but that it was done.
  Result<void> order(const std::string& operation, const nlohmann::json& input);

  [[nodiscard]] Backoff backoff() const { return client_.backoff(); }
  /// For errors.
  [[nodiscard]] std::string url() const { return place_.endpoint.url(); }

 private:
  Result<Response> send(const std::string& operation, const nlohmann::json& input);

  Client& client_;
  JsonServicePlace place_;
};

}  // namespace weir::aws
