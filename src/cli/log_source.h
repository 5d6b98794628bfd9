// What the commands that read flow logs share: which records, and what became of reading them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "query/engine.h"

namespace weir::cli {

/// `--from` and its companions.
struct LogSource {
  std::vector<std::string> from;
  std::string since;
  std::string until;
  std::string log_format;
  std::vector<std::string> tables;
  bool is_strict = false;
  bool shows_statistics = false;
  unsigned threads = 0;
};

/// `--from` is required.
void add_source_options(CLI::App& command, LogSource& source);
/// The same with `--from` left to the command; returns it.
CLI::Option* add_optional_source_options(CLI::App& command, LogSource& source);

/// The time that an option gives, if it is given.
base::Expected<std::optional<base::UnixSeconds>> time_of(const std::string& option,
                                                         const std::string& text);

/// The names of a log format's fields; none for no text.
base::Expected<std::vector<std::string>> fields_of_format(const std::string& log_format);

/// Lists the objects. Standard input and other pipes are kept in temporary files, which are gone
/// with the program. From here on Ctrl-C is noted (interruption.h).
base::Expected<query::Settings> settings_of(const LogSource& source);

/// While it lives, Ctrl-C ends the engine's query, and a query that takes over a second shows on a
/// terminal how far it is.
class Watch {
 public:
  explicit Watch(query::Engine& engine);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Says on stderr what did not fit and, if asked for, how much was read. Returns the exit code:
/// kDamaged where something could not be read, kFailed for lines that did not fit under --strict.
int tell_problems(const LogSource& source, const query::Engine& engine);

/// Says on stderr that `records` could not be made part of a conversation.
void tell_unusable(std::uint64_t records);

}  // namespace weir::cli
