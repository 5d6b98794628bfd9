#include "cli/log_source.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <thread>

#include "base/time.h"
#include "cli/options.h"
#include "record/log_format.h"

namespace weir::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

/// Standard input as a file, which may be read twice.
base::Expected<std::string> keep_standard_input() {
  const char* folder = std::getenv("TMPDIR");
  std::string path = std::string(folder == nullptr ? "/tmp" : folder) + "/weir-stdin-XXXXXX";
  const int descriptor = mkstemp(path.data());
  if (descriptor < 0) return base::fail(path, "cannot be made", "set TMPDIR to a folder with room");
  ::close(descriptor);
  std::ofstream file(path, std::ios::binary);
  file << std::cin.rdbuf();
  if (!file.flush() && std::cin.gcount() != 0) {
    return base::fail(path, "cannot be written", "set TMPDIR to a folder with room");
  }
  return path;
}

/// Removes what was kept when the program ends.
std::string& kept_input() {
  static std::string path;
  static const bool is_registered = std::atexit([] {
                                      if (!path.empty()) ::unlink(path.c_str());
                                    }) == 0;
  static_cast<void>(is_registered);
  return path;
}

base::Expected<query::NamedTable> table_of(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    return base::fail("--table", "'" + text + "' is not name=file");
  }
  return query::NamedTable{text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace

base::Expected<std::optional<base::UnixSeconds>> time_of(const std::string& option,
                                                         const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto time = base::parse_time(text, now);
  if (time) return *time;
  return base::fail(option, "'" + text + "' is no time",
                    "give 2026-11-23, 2026-11-23T14:05, seconds since 1970, or how long ago: "
                    "30m, 2h, 7d");
}

base::Expected<std::vector<std::string>> fields_of_format(const std::string& log_format) {
  std::vector<std::string> names;
  if (log_format.empty()) return names;
  auto format = record::LogFormat::parse(log_format);
  if (!format) return tl::unexpected(format.error());
  for (const record::Field* field : format->fields()) names.emplace_back(field->name);
  return names;
}

void add_source_options(CLI::App& command, LogSource& source) {
  add_optional_source_options(command, source)->required();
}

CLI::Option* add_optional_source_options(CLI::App& command, LogSource& source) {
  CLI::Option* from =
      command
          .add_option("--from", source.from, "Folders, files or globs with flow logs; - is stdin")
          ->type_name("PATH");
  command.add_option("--since", source.since, "Records that end then or later")->type_name("TIME");
  command.add_option("--until", source.until, "Records that end before")->type_name("TIME");
  command
      .add_option("--log-format", source.log_format,
                  "Of files without a header line: '${field} …' or default")
      ->type_name("FORMAT");
  command.add_flag("--strict", source.is_strict, "A line that does not fit is an error");
  command.add_flag("--stats", source.shows_statistics, "Say how much was listed, opened and read");
  command.add_option("--threads", source.threads, "Default: as many as processors")->type_name("N");
  return from;
}

base::Expected<query::Settings> settings_of(const LogSource& source) {
  query::Settings settings;
  for (const std::string& from : source.from) {
    if (from.rfind("s3://", 0) == 0) {
      return base::fail("--from", "S3 cannot be read yet", "copy the objects to a folder");
    }
  }
  auto since = time_of("--since", source.since);
  if (!since) return tl::unexpected(since.error());
  auto until = time_of("--until", source.until);
  if (!until) return tl::unexpected(until.error());
  settings.since = *since;
  settings.until = *until;
  settings.threads = source.threads;
  for (const std::string& text : source.tables) {
    auto table = table_of(text);
    if (!table) return tl::unexpected(table.error());
    settings.tables.push_back(std::move(*table));
  }
  auto without_header = fields_of_format(source.log_format);
  if (!without_header) return tl::unexpected(without_header.error());
  settings.without_header = std::move(*without_header);
  auto objects = logs::list_objects(source.from);
  if (!objects) return tl::unexpected(objects.error());
  for (logs::Object& object : *objects) {
    if (object.path != "-") continue;
    auto kept = keep_standard_input();
    if (!kept) return tl::unexpected(kept.error());
    object.path = kept_input() = *kept;
  }
  settings.objects = std::move(*objects);
  return settings;
}

struct Watch::State {
  explicit State(query::Engine& the_engine)
      : engine(the_engine), is_shown(isatty(STDERR_FILENO) == 1) {}

  void run() {
    using namespace std::chrono_literals;
    const auto start = std::chrono::steady_clock::now();
    bool was_shown = false;
    while (!is_over) {
      std::this_thread::sleep_for(50ms);
      if (interrupted != 0) engine.interrupt();
      if (!is_shown || std::chrono::steady_clock::now() - start < 1s) continue;
      const query::Statistics statistics = engine.statistics();
      was_shown = true;
      fmt::print(stderr, "\r\x1b[K{} lines, {} of {} MB", statistics.lines,
                 statistics.bytes_read >> 20U, statistics.bytes_selected >> 20U);
    }
    if (was_shown) fmt::print(stderr, "\r\x1b[K");
  }

  query::Engine& engine;
  bool is_shown;
  std::atomic<bool> is_over = false;
  std::thread thread;
};

Watch::Watch(query::Engine& engine) : state_(std::make_unique<State>(engine)) {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Watch::~Watch() {
  state_->is_over = true;
  state_->thread.join();
}

bool Watch::was_interrupted() {
  return interrupted != 0;
}

int tell_problems(const LogSource& source, const query::Engine& engine) {
  const logs::Problems& problems = engine.problems();
  const query::Statistics statistics = engine.statistics();
  for (const std::string& problem : problems.first()) fmt::print(stderr, "weir: {}\n", problem);
  if (problems.bad_lines() != 0) {
    fmt::print(stderr, "weir: warning: {} lines did not fit\n", problems.bad_lines());
  }
  if (problems.damaged_objects() != 0) {
    fmt::print(stderr, "weir: warning: {} objects could not be read, or not to their end\n",
               problems.damaged_objects());
  }
  if (source.shows_statistics) {
    fmt::print(stderr,
               "listed {} objects ({} bytes), needed {} ({} bytes), opened {}, read {} bytes, {} "
               "lines\n",
               statistics.objects_listed, statistics.bytes_listed, statistics.objects_selected,
               statistics.bytes_selected, statistics.objects_opened, statistics.bytes_read,
               statistics.lines);
  }
  if (source.is_strict && problems.bad_lines() != 0) return kFailed;
  return problems.damaged_objects() != 0 ? kDamaged : kDone;
}

void tell_unusable(std::uint64_t records) {
  if (records == 0) return;
  fmt::print(stderr,
             "weir: warning: {} records were left out: they lack an address, a port, a time or an "
             "action\n",
             records);
}

}  // namespace weir::cli
