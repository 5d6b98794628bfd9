#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <string_view>
#include <utility>

#include "base/printable.h"
#include "cli/options.h"

namespace weir::cli {

Option* Option::required() {
  option_->required();
  return this;
}

Option* Option::type_name(const std::string& name) {
  option_->type_name(name);
  return this;
}

Option* Option::one_of(std::initializer_list<const char*> values) {
  option_->check(CLI::IsMember(std::vector<std::string>(values.begin(), values.end())));
  return this;
}

Option* Option::range(std::uint64_t least, std::uint64_t most) {
  option_->check(CLI::Range(least, most));
  return this;
}

Option* Option::excludes(const Option& other) {
  option_->excludes(other.option_);
  return this;
}

Option* Option::needs(const Option& other) {
  option_->needs(other.option_);
  return this;
}

Option* Option::one_value_each() {
  option_->allow_extra_args(false);
  return this;
}

template <typename Value>
Option* Command::add(const char* name, Value& value, const char* description) {
  return &options_.emplace_back(*app_->add_option(name, value, description));
}

Option* Command::add_option(const char* name, std::string& value, const char* description) {
  return add(name, value, description);
}

Option* Command::add_option(const char* name, std::vector<std::string>& value,
                            const char* description) {
  return add(name, value, description);
}

Option* Command::add_option(const char* name, int& value, const char* description) {
  return add(name, value, description);
}

Option* Command::add_option(const char* name, unsigned& value, const char* description) {
  return add(name, value, description);
}

Option* Command::add_option(const char* name, std::size_t& value, const char* description) {
  return add(name, value, description);
}

Option* Command::add_option(const char* name, std::optional<std::uint16_t>& value,
                            const char* description) {
  return add(name, value, description);
}

Option* Command::add_option(const char* name, std::optional<std::uint64_t>& value,
                            const char* description) {
  return add(name, value, description);
}

Option* Command::add_flag(const char* name, bool& value, const char* description) {
  return &options_.emplace_back(*app_->add_flag(name, value, description));
}

void Command::refuse_empty_values() {
  const CLI::Validator is_given(
      [](const std::string& value) { return value.empty() ? "is empty" : ""; }, "");
  for (CLI::Option* option : app_->get_options()) {
    if (option->get_expected_max() > 0) option->check(is_given);
  }
}

void Command::footer(const std::string& text) {
  app_->footer(text);
}

void Command::callback(std::function<void()> done) {
  app_->callback(std::move(done));
}

Command* Command::add_subcommand(const std::string& name, const std::string& description) {
  return &subcommands_.emplace_back(*app_->add_subcommand(name, description));
}

void Command::require_subcommand() {
  app_->require_subcommand(1);
}

CommandLine::CommandLine(const std::string& description, const std::string& version)
    : app_(std::make_unique<CLI::App>(description)), weir_(*app_) {
  app_->name("weir");
  app_->set_version_flag("--version", version);
  app_->require_subcommand(1);
  app_->failure_message([](const CLI::App* /*app*/, const CLI::Error& error) {
    std::string what = error.what();
    constexpr std::string_view kConversion = "Could not convert: ";  // "--port = 70000"
    if (what.starts_with(kConversion)) what = what.substr(kConversion.size()) + " is no number";
    return "weir: " + base::printable(what) + "; --help says more\n";
  });
}

CommandLine::~CommandLine() = default;

Command& CommandLine::weir() {
  return weir_;
}

std::optional<int> CommandLine::read(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "-";
  const auto is_meant = [&](const CLI::App* command) { return command->get_name() == first; };
  if (!first.starts_with('-') && app_->get_subcommands(is_meant).empty()) {
    return failed({"", "there is no command '" + first + "'", "`weir --help` lists the commands"},
                  kUsage);
  }
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? kDone : kUsage;
  }
  return std::nullopt;
}

}  // namespace weir::cli
