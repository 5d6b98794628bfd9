#include "cli/log_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <sstream>
#include <thread>

#include "aws/s3.h"
#include "base/time.h"
#include "cli/interruption.h"
#include "cli/options.h"
#include "cli/s3_options.h"
#include "query/duck.h"
#include "record/log_format.h"

namespace weir::cli {
namespace {

constexpr int kMostThreads = 1024;

/// Copies to the end. Error: it cannot be read or written, or the user has had enough.
base::Expected<void> copy(int from, int to, const std::string& name) {
  std::vector<char> bytes(std::size_t{1} << 20U);
  std::array<pollfd, 2> waited = {pollfd{from, POLLIN, 0},
                                  pollfd{interruption_descriptor(), POLLIN, 0}};
  for (;;) {
    ::poll(waited.data(), waited.size(), -1);
    if (was_interrupted()) return base::fail("", "interrupted");
    const ssize_t count = ::read(from, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::fail(name, std::string("cannot be read: ") + std::strerror(errno));
    if (count == 0) return {};
    for (ssize_t done = 0; done < count;) {
      const ssize_t written =
          ::write(to, bytes.data() + done, static_cast<std::size_t>(count - done));
      if (written < 0 && errno != EINTR) {
        return base::fail(name, std::string("cannot be kept: ") + std::strerror(errno),
                          "set TMPDIR to a folder with room");
      }
      done += std::max<ssize_t>(written, 0);
    }
  }
}

/// Makes of a pipe a file, which may be read twice. It has no name, so that it is gone when the
/// program is, however that ends.
base::Expected<void> keep(logs::Object& object) {
  const char* folder = std::getenv("TMPDIR");
  std::string path = std::string(folder == nullptr ? "/tmp" : folder) + "/weir-stdin-XXXXXX";
  const int kept = mkstemp(path.data());
  if (kept < 0) return base::fail(path, "cannot be made", "set TMPDIR to a folder with room");
  ::unlink(path.c_str());
  const int pipe = object.path == "-" ? STDIN_FILENO : ::open(object.path.c_str(), O_RDONLY);
  if (pipe < 0) return base::fail(object.name, "cannot be opened");
  auto copied = copy(pipe, kept, object.name);
  if (pipe != STDIN_FILENO) ::close(pipe);
  if (!copied) return copied;
  object.path = fmt::format("/proc/self/fd/{}", kept);
  object.bytes = static_cast<std::uint64_t>(std::max<off_t>(::lseek(kept, 0, SEEK_CUR), 0));
  object.kind = logs::kind_of(object.path);
  return {};
}

base::Expected<query::NamedTable> table_of(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    return base::fail("--table", "'" + text + "' is not name=file",
                      "give it as --table hosts=hosts.csv");
  }
  query::NamedTable table{text.substr(0, equals), text.substr(equals + 1)};
  const std::string name = query::small_letters(table.name);
  if (name == "flow_logs" || name.starts_with("weir_")) {
    return base::fail("--table " + text, "the name is taken", "give the table another");
  }
  if (table.path.find("://") != std::string::npos) {
    return base::fail("--table " + text, "is not on this machine", "copy it here first");
  }
  return table;
}

/// What the options say, but for the objects. Error: an option has a value that it does not take.
base::Expected<query::Settings> settings_of(const LogSource& source) {
  query::Settings settings;
  auto folders = s3_folders_of(source.from);
  if (!folders) return tl::unexpected(folders.error());
  settings.folders = std::move(*folders);
  auto since = time_of("--since", source.since);
  if (!since) return tl::unexpected(since.error());
  auto until = time_of("--until", source.until);
  if (!until) return tl::unexpected(until.error());
  settings.since = *since;
  settings.until = *until;
  settings.threads = source.threads;
  settings.is_strict = source.is_strict;
  for (const std::string& text : source.tables) {
    auto table = table_of(text);
    if (!table) return tl::unexpected(table.error());
    settings.tables.push_back(std::move(*table));
  }
  auto without_header = fields_of_format(source.log_format);
  if (!without_header) return tl::unexpected(without_header.error());
  settings.without_header = std::move(*without_header);
  return settings;
}

void tell_statistics(const query::Statistics& statistics, bool has_cache) {
  fmt::print(stderr, "listed {} ({}), needed {} ({}), opened {} of text: read {}, {}\n",
             count_of(statistics.objects_listed, "object"),
             count_of(statistics.bytes_listed, "byte"), statistics.objects_selected,
             count_of(statistics.bytes_selected, "byte"), statistics.objects_opened,
             count_of(statistics.bytes_read, "byte"), count_of(statistics.lines, "line"));
  if (statistics.requests != 0) {
    fmt::print(stderr, "asked S3 {}: {} came\n", count_of(statistics.requests, "time"),
               count_of(statistics.bytes_fetched, "byte"));
  }
  if (has_cache) {
    fmt::print(stderr, "found {} of objects in the cache: {}\n",
               count_of(statistics.cache_hits, "part"), count_of(statistics.cache_bytes, "byte"));
  }
  if (statistics.parquet_objects != 0) {
    fmt::print(
        stderr, "opened {} of Parquet ({}){}: DuckDB reads what it needs of them\n",
        count_of(statistics.parquet_objects, "object"), count_of(statistics.parquet_bytes, "byte"),
        statistics.parquet_bytes_fetched == 0
            ? ""
            : fmt::format(", took {} of them", count_of(statistics.parquet_bytes_fetched, "byte")));
  }
}

}  // namespace

base::Expected<std::optional<base::UnixSeconds>> time_of(const std::string& option,
                                                         const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto time = base::parse_time(text, now);
  if (time) return *time;
  return base::fail(option, "'" + text + "' is no time",
                    "give 2026-11-23 or 2026-11-23T14:05 in UTC, seconds since 1970, or how long "
                    "ago: 30m, 2h, 7d");
}

base::Expected<std::vector<std::string>> fields_of_format(const std::string& format) {
  std::vector<std::string> columns;
  if (format.empty()) return columns;
  if (format == "default" || format == "all") {
    const auto known = record::LogFormat::parse(format);
    for (const record::Field* field : known->fields()) columns.emplace_back(field->name);
    return columns;
  }
  std::istringstream words(format);
  for (std::string word; words >> word;) {
    if (word.size() > 3 && word.starts_with("${") && word.back() == '}') {
      word = word.substr(2, word.size() - 3);
    }
    if (word.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos) {
      return base::fail("--log-format", "'" + word + "' is not of the form ${field}",
                        "write '${version} ${srcaddr} …', in single quotes for the shell");
    }
    if (record::find_field(word) == nullptr) {
      fmt::print(stderr, "weir: --log-format: {} is no known field, and is read as text; {}\n",
                 word, record::nearest_field(word));
    }
    columns.push_back(std::move(word));
  }
  if (columns.empty()) return base::fail("--log-format", "names no field", "name at least one");
  return columns;
}

void add_source_options(Command& command, LogSource& source) {
  add_optional_source_options(command, source)->required();
}

Option* add_optional_source_options(Command& command, LogSource& source) {
  Option* from =
      command
          .add_option("--from", source.from,
                      "Folders, files, globs or s3://bucket/prefix with flow logs; - is stdin")
          ->type_name("PATH");
  command.add_option("--since", source.since, "Records that end then (UTC) or later")
      ->type_name("TIME");
  command.add_option("--until", source.until, "Records that end before (UTC)")->type_name("TIME");
  command
      .add_option("--log-format", source.log_format,
                  "Of files without a header line: '${field} …' or default")
      ->type_name("FORMAT");
  command.add_flag("--strict", source.is_strict, "A line that does not fit is an error");
  command.add_flag("--stats", source.shows_statistics, "Say how much was listed, opened and read");
  command
      .add_option("--threads", source.threads,
                  "Default: as many as processors; each over two takes some 105 MB more")
      ->range(1, kMostThreads)
      ->type_name("N");
  command.add_option("--region", source.s3.region, "Of S3's first request; or AWS_REGION")
      ->type_name("REGION");
  add_s3_options(command, source.s3);
  add_cache_options(command, source.cache);
  return from;
}

std::string take_last_path(LogSource& source) {
  if (source.from.empty()) return {};
  std::string last = std::move(source.from.back());
  source.from.pop_back();
  return last;
}

tl::expected<std::unique_ptr<query::Engine>, int> open_logs(const LogSource& source) {
  auto settings = settings_of(source);
  if (!settings) return tl::unexpected(failed(settings.error(), kUsage));
  const auto most_kept = cache_size_of(source.cache.size);
  if (!most_kept) return tl::unexpected(failed(most_kept.error(), kUsage));
  if (!settings->folders.empty()) {
    auto reader = connect_s3(source.s3, source.cache.folder, *most_kept);
    if (!reader) return tl::unexpected(failed(reader.error()));
    settings->s3 = std::move(*reader);
  }
  std::vector<std::string> here = source.from;
  std::erase_if(here, aws::is_s3_url);
  auto objects = logs::list_objects(here);
  if (!objects) return tl::unexpected(failed(objects.error()));
  watch_interruption();
  for (logs::Object& object : *objects) {
    std::error_code error;
    if (object.path != "-" && !std::filesystem::is_fifo(object.path, error)) continue;
    if (auto kept = keep(object); !kept) {
      return tl::unexpected(failed(kept.error(), was_interrupted() ? kInterrupted : kFailed));
    }
  }
  settings->objects = std::move(*objects);
  auto engine = query::Engine::open(std::move(*settings));
  if (!engine) return tl::unexpected(failed(engine.error()));
  return std::move(*engine);
}

struct Watch::State {
  explicit State(query::Engine& the_engine)
      : engine(the_engine), is_shown(isatty(STDERR_FILENO) == 1) {}

  void run() {
    using namespace std::chrono_literals;
    const auto start = std::chrono::steady_clock::now();
    bool was_shown = false;
    std::unique_lock lock(mutex);
    while (!over.wait_for(lock, 50ms, [this] { return is_over; })) {
      if (was_interrupted() || output_is_gone()) engine.interrupt();
      if (!is_shown || std::chrono::steady_clock::now() - start < 1s) continue;
      const query::Statistics statistics = engine.statistics();
      was_shown = true;
      if (statistics.bytes_selected == 0) {
        fmt::print(stderr, "\r\x1b[Klisting: {}", count_of(statistics.objects_listed, "object"));
        continue;
      }
      fmt::print(stderr, "\r\x1b[K{} lines, {} of {} MB", statistics.lines,
                 statistics.bytes_read >> 20U, statistics.bytes_selected >> 20U);
    }
    if (was_shown) fmt::print(stderr, "\r\x1b[K");
  }

  void stop() {
    const std::scoped_lock lock(mutex);
    is_over = true;
    over.notify_one();
  }

  query::Engine& engine;
  bool is_shown;
  std::mutex mutex;
  std::condition_variable over;
  bool is_over = false;
  std::thread thread;
};

Watch::Watch(query::Engine& engine) : state_(std::make_unique<State>(engine)) {
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Watch::~Watch() {
  state_->stop();
  state_->thread.join();
}

int tell_end(const LogSource& source, const query::Engine& engine,
             const base::Expected<void>& done) {
  if (was_interrupted()) return failed({"", "interrupted", ""}, kInterrupted);
  std::cout.flush();
  if ((!done || !std::cout) && output_is_gone()) return kOutputGone;
  const logs::Problems& problems = engine.problems();
  for (const std::string& problem : problems.first()) tell({base::Severity::warning, problem});
  if (const auto lines = problems.bad_lines(); lines != 0) {
    fmt::print(stderr, "weir: {}: {} did not fit{}\n", source.is_strict ? "error" : "warning",
               count_of(lines, "line"),
               source.is_strict ? ": with --strict, nothing that was printed is an answer" : "");
  }
  if (const auto objects = problems.damaged_objects(); objects != 0) {
    fmt::print(stderr, "weir: warning: {} could not be read, or not to the end\n",
               count_of(objects, "object"));
  }
  if (const auto failure = engine.cache_failure()) {
    tell(
        {base::Severity::warning, "warning: not all was kept in the cache: " + failure->message()});
  }
  if (source.shows_statistics) tell_statistics(engine.statistics(), !source.cache.folder.empty());
  if (source.is_strict && problems.bad_lines() != 0) return kFailed;
  if (!done) return failed(done.error());
  if (!std::cout) {
    return failed({"standard output", "cannot be written", "is there room where it goes?"});
  }
  return problems.damaged_objects() != 0 ? kDamaged : kDone;
}

void tell_unusable(std::uint64_t records) {
  if (records == 0) return;
  fmt::print(stderr,
             "weir: warning: {} left out: an address, a port, a time or an action is missing\n",
             count_of(records, "record"));
}

}  // namespace weir::cli
