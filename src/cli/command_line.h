// The command line, as CLI11 reads it. Its templates take seconds to compile in every source that
// sees them; here they are seen by one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace weir::cli {

/// One option of a command; the command owns it.
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(&option) {}
  Option* required();
  /// What its value is called in --help.
  Option* type_name(const std::string& name);
  Option* one_of(std::initializer_list<const char*> values);
  Option* range(std::uint64_t least, std::uint64_t most);
  /// Only one of the two may be given.
  Option* excludes(const Option& other);
  /// It may only be given with the other.
  Option* needs(const Option& other);
  /// Each use takes one value; otherwise a list takes all that follow.
  Option* one_value_each();

 private:
  CLI::Option* option_;
};

/// `weir`, or one of its commands. What an option gives is written into the value that was named
/// for it, which must live until the command line has been read. A name without dashes is the name
/// of a positional argument; a flag whose name begins with '!' makes its value false.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  Command* add_subcommand(const std::string& name, const std::string& description);
  /// One of its subcommands has to be given.
  void require_subcommand();

  Option* add_option(const char* name, std::string& value, const char* description);
  Option* add_option(const char* name, std::vector<std::string>& value, const char* description);
  Option* add_option(const char* name, int& value, const char* description);
  Option* add_option(const char* name, unsigned& value, const char* description);
  Option* add_option(const char* name, std::size_t& value, const char* description);
  Option* add_option(const char* name, std::optional<std::uint16_t>& value,
                     const char* description);
  Option* add_option(const char* name, std::optional<std::uint64_t>& value,
                     const char* description);
  Option* add_flag(const char* name, bool& value, const char* description);
  /// No value of the options that were added may be empty, as an unset variable of the shell makes
  /// it.
  void refuse_empty_values();

  /// The last lines of --help.
  void footer(const std::string& text);
  /// Called when the command has been given, and all of its options are in place.
  void callback(std::function<void()> done);

 private:
  template <typename Value>
  Option* add(const char* name, Value& value, const char* description);

  CLI::App* app_;
  std::deque<Option> options_;
  std::deque<Command> subcommands_;
};

/// The whole of it.
class CommandLine {
 public:
  /// `version` is what --version prints.
  CommandLine(const std::string& description, const std::string& version);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  Command& weir();
  /// Reads it and calls back the command that is given. Nothing if that was done; otherwise help or
  /// an error has been printed, and this is the exit code.
  std::optional<int> read(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
  Command weir_;
};

}  // namespace weir::cli
