// A TCP port that only this host reaches.
#pragma once

#include <utility>

#include "base/descriptor.h"
#include "base/endpoint.h"
#include "base/error.h"

namespace weir::http {

/// Listens. Every user of this host can connect: what is answered there is for all of them.
class LoopbackListener {
 public:
  /// REQUIRES: the endpoint is of loopback. Errors: the kernel's, such as that somebody listens
  /// there.
  static base::Expected<LoopbackListener> open(const base::Endpoint& endpoint);

  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  explicit LoopbackListener(base::Descriptor socket) : socket_(std::move(socket)) {}

  base::Descriptor socket_;
};

}  // namespace weir::http
