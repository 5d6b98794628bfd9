// What a call to a service can end in.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>

#include "base/error.h"

namespace weir::aws {

/// The service's own name of an error ("NoSuchBucket") decides what a program does; `error` is what
/// a person reads, and never holds a credential.
struct Failure {
  enum class Kind : std::uint8_t {
    refused,      ///< the service answered, and said no
    unreachable,  ///< no answer, or half of one: it may come right by itself
    cancelled,    ///< asked to stop
    local,        ///< never sent: credentials, settings, certificates
    unreadable,   ///< what was to be sent cannot be read
    unusable,     ///< an answer, but not of what was asked for: too long, damaged, other bytes
  };
  Kind kind = Kind::local;
  int status = 0;       ///< HTTP's; 0 without an answer
  std::string code;     ///< AWS's, "NoSuchKey"; of an answer without a body "404"
  std::string message;  ///< the service's own words
  std::string region;   ///< where the service says the thing asked for lies, if it does
  /// It may have been carried out all the same: it was sent, and the service has not said no.
  bool may_be_done = false;
  base::Error error;

  [[nodiscard]] bool is(std::string_view name) const { return code == name; }
};

template <typename T>
using Result = tl::expected<T, Failure>;

/// Something that kept a call from being made.
inline tl::unexpected<Failure> cannot(base::Error error) {
  return tl::unexpected(Failure{Failure::Kind::local, 0, {}, {}, {}, false, std::move(error)});
}

/// For callers who only tell a person.
template <typename T>
base::Expected<T> for_people(Result<T> result) {
  if (!result) return tl::unexpected(std::move(result.error().error));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return std::move(*result);
  }
}

}  // namespace weir::aws
