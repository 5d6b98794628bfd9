// A session of AWS's services that one destination has to itself.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "aws/session.h"

namespace weir::deliver {

class Connection {
 public:
  /// Nothing is sent. Error: settings that cannot be.
  static base::Expected<std::shared_ptr<Connection>> open(aws::Options options);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] aws::Session& session() { return *session_; }
  /// From any thread: calls that are under way return soon, with a failure. For good.
  void cancel() { is_cancelled_ = true; }

 private:
  Connection() = default;
  std::atomic<bool> is_cancelled_ = false;
  std::unique_ptr<aws::Session> session_;
};

}  // namespace weir::deliver
