#include "aws/json_service.h"

namespace weir::aws {

Result<Response> JsonService::send(const std::string& operation, const nlohmann::json& input) {
  const std::string body = input.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  Request request;
  request.method = "POST";
  request.endpoint = place_.endpoint;
  request.headers = {{"content-type", "application/x-amz-json-1.1"},
                     {"x-amz-target", place_.target + "." + operation}};
  request.body = bytes_of(body);
  auto response = client_.send(request, place_.scope);
  // The client's own hint is about buckets.
  if (!response &&
      (response.error().is("AccessDeniedException") || response.error().is("AccessDenied"))) {
    response.error().error.hint =
        "let the caller, or the role, do " + place_.scope.service + ":" + operation;
  }
  return response;
}

Result<void> JsonService::order(const std::string& operation, const nlohmann::json& input) {
  auto response = send(operation, input);
  if (!response) return tl::unexpected(std::move(response.error()));
  return {};
}

Result<JsonService::Answer> JsonService::call(const std::string& operation,
                                              const nlohmann::json& input) {
  auto response = send(operation, input);
  if (!response) return tl::unexpected(std::move(response.error()));
  Answer answer{nlohmann::json::parse(response->body, nullptr, false), response->may_be_repeated};
  if (answer.body.is_object()) return answer;
  Failure failure;
  failure.kind = Failure::Kind::refused;
  failure.status = response->status;
  failure.may_be_done = true;
  failure.error = {url(), "the answer to " + operation + " is no JSON",
                   "check that the endpoint is the service's"};
  return tl::unexpected(std::move(failure));
}

}  // namespace weir::aws
