// A transport that answers from a list and remembers what it was asked; a clock that stands still.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "aws/client.h"
#include "aws/environment.h"

namespace weir::aws {

/// What becomes of a request that reaches nobody.
inline Result<Response> unreachable() {
  Failure failure;
  failure.kind = Failure::Kind::unreachable;
  failure.error.what = "Connection refused";
  return tl::unexpected(failure);
}

class Scripted : public Transport {
 public:
  using Answer = std::function<Result<Response>(const Request&)>;

  struct Asked {
    Request request;
    std::string body;
  };

  void answer(int status, const std::string& body = {}, const std::vector<Header>& headers = {}) {
    answers_.emplace_back([=](const Request&) -> Result<Response> {
      return Response{status, headers, body};
    });
  }
  void answer_by(std::function<Response(const Request&)> how) {
    answers_.emplace_back([how = std::move(how)](const Request& request) -> Result<Response> {
      return how(request);
    });
  }
  void answer_nothing() {
    answers_.emplace_back([](const Request&) { return unreachable(); });
  }

  Result<Response> send(const Request& request) override {
    std::string body(request.body_bytes(), '\0');
    const auto read =
        request.read_body(0, {reinterpret_cast<std::uint8_t*>(body.data()), body.size()});
    if (!read) {
      Failure failure;
      failure.kind = Failure::Kind::unreadable;
      return tl::unexpected(failure);
    }
    asked.push_back({request, body});
    asked.back().request.body = {};
    asked.back().request.file.reset();
    if (answers_.empty()) {
      return cannot({"script", "has no answer for " + request.method + " " + request.url(), ""});
    }
    const Answer next = answers_.front();
    answers_.pop_front();
    return next(request);
  }

  std::vector<Asked> asked;

 private:
  std::deque<Answer> answers_;
};

/// Time passes only by sleeping.
struct TestClock {
  base::UnixSeconds now{std::chrono::seconds(1'795'614'187)};  // 2026-11-25T13:43:07Z
  std::vector<std::chrono::milliseconds> slept;
  double random = 0.5;

  Clock clock() {
    return {[this] { return now; },
            [this](std::chrono::milliseconds wait) {
              slept.push_back(wait);
              return true;
            },
            [this] { return random; }};
  }
};

inline Environment environment_of(std::map<std::string, std::string> variables) {
  return {[variables = std::move(variables)](const char* name) -> std::string {
    const auto place = variables.find(name);
    return place == variables.end() ? "" : place->second;
  }};
}

inline Credentials some_credentials(const std::string& id = "AKIDEXAMPLE") {
  Credentials out;
  out.access_key_id = id;
  out.secret_access_key = Secret("very-secret");
  return out;
}

}  // namespace weir::aws
