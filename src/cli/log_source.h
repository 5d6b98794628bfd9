// What the commands that read flow logs share: which records, and what became of reading them.
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "aws/settings.h"
#include "base/error.h"
#include "cli/command_line.h"
#include "cli/s3_source.h"
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
  aws::Options s3;
  CacheAsked cache;
};

/// `--from` is required.
void add_source_options(Command& command, LogSource& source);
/// The same with `--from` left to the command; returns it.
Option* add_optional_source_options(Command& command, LogSource& source);

/// The time that an option gives, if it is given.
base::Expected<std::optional<base::UnixSeconds>> time_of(const std::string& option,
                                                         const std::string& text);

/// The names of a log format's fields; none for no text.
base::Expected<std::vector<std::string>> fields_of_format(const std::string& log_format);

/// Takes the last path for what it is not: `--from` takes as many as there are, and with no option
/// after it what stands last too. Empty: there is none.
std::string take_last_path(LogSource& source);

/// Lists the objects, those in S3 apart, and makes them ready to be asked. Standard input and other
/// pipes are kept in temporary files, which are gone with the program. From here on Ctrl-C is noted
/// (interruption.h). The error has been told, and is the exit code.
tl::expected<std::unique_ptr<query::Engine>, int> open_logs(const LogSource& source);

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

/// Says on stderr how reading ended: that it was interrupted, what did not fit, the error, and, if
/// asked for, how much was read. Returns the exit code: kDamaged where something could not be read,
/// kFailed for an error or for lines that did not fit under --strict.
int tell_end(const LogSource& source, const query::Engine& engine,
             const base::Expected<void>& done);

/// Says on stderr that `records` could not be made part of a conversation.
void tell_unusable(std::uint64_t records);

}  // namespace weir::cli
