// Which windows of which interfaces records lie in: what SKIPDATA has to stand for if they are
// lost.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace weir::deliver {

class Coverage {
 public:
  /// Half-open times by where they begin; they neither overlap nor touch.
  using Spans = std::map<base::UnixSeconds, base::UnixSeconds>;

  /// Windows of an interface from `start` up to, but not with, `end`.
  void add(std::string_view interface_id, base::UnixSeconds start, base::UnixSeconds end);
  void add(const Coverage& other);
  /// Takes away what `other` covers.
  void remove(const Coverage& other);

  [[nodiscard]] bool empty() const { return interfaces_.empty(); }
  /// Where the earliest window begins; nothing: it is empty.
  [[nodiscard]] std::optional<base::UnixSeconds> first() const;
  [[nodiscard]] const std::map<std::string, Spans, std::less<>>& interfaces() const {
    return interfaces_;
  }

  friend bool operator==(const Coverage&, const Coverage&) = default;

 private:
  std::map<std::string, Spans, std::less<>> interfaces_;  ///< none of them without a span
};

/// Adds the window of an interface in which a record lies that ends then: it lies in one.
void add_window(Coverage& coverage, std::string_view interface_id, base::UnixSeconds end,
                std::chrono::seconds length);

}  // namespace weir::deliver
