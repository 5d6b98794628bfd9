// Errors as values: what went wrong, where, and what the user can do about it.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace weir::base {

/// An error a person will read. `where` is a file, an object and a field
/// ("vpc.json: NetworkAcls[2].Entries[5]"), `what` the fact, `hint` the next step; `where` and
/// `hint` may be empty.
struct Error {
  std::string where;
  std::string what;
  std::string hint;

  /// "where: what; hint", the form printed on stderr after "weir: ".
  [[nodiscard]] std::string message() const {
    std::string text = where.empty() ? what : where + ": " + what;
    if (!hint.empty()) text += "; " + hint;
    return text;
  }
};

template <typename T>
using Expected = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(std::string where, std::string what, std::string hint = {}) {
  return tl::unexpected<Error>(Error{std::move(where), std::move(what), std::move(hint)});
}

}  // namespace weir::base
