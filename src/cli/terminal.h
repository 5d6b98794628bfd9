// The whole screen of a terminal, for as long as a command has it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/top_screen.h"

namespace weir::cli {

/// Takes standard input's and output's terminal, and gives it back as it was when it goes.
/// REQUIRES: watch_interruption(), since a signal that ends the program gives nothing back.
class Terminal {
 public:
  /// Are standard input and output a terminal?
  [[nodiscard]] static bool is_there();
  static base::Expected<Terminal> take();
  Terminal(Terminal&&) noexcept;
  Terminal& operator=(Terminal&&) = delete;
  ~Terminal();

  [[nodiscard]] TopSize size() const;
  void show(const std::vector<std::string>& lines);
  /// Can be read from when `keys` or `size` have something new.
  [[nodiscard]] int descriptor() const;
  /// What was pressed, key by key, without waiting. False: the terminal is gone.
  bool keys(std::vector<std::string>& out);

 private:
  struct State;
  explicit Terminal(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::cli
