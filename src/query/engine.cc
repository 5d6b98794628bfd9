#include "query/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <set>
#include <thread>
#include <utility>

#include "query/duck.h"
#include "query/formats.h"
#include "query/functions.h"
#include "query/object_list.h"
#include "query/parquet_files.h"
#include "query/planner.h"
#include "query/result.h"
#include "query/scan.h"
#include "query/spill_folder.h"
#include "query/time_function.h"
#include "query/user_tables.h"

namespace weir::query {
namespace {

/// What a query's threads have together, and each at least, for making lines one.
constexpr std::size_t kTotalsBytes = std::size_t{48} << 20U;
constexpr std::size_t kLeastTotalsBytes = std::size_t{1} << 20U;

/// What a thread of DuckDB takes for a sort that spills, and what is enough for two.
constexpr unsigned kMegabytesOfThread = 95;
constexpr unsigned kLeastMegabytes = 208;

}  // namespace

struct Engine::State {
  State(Settings the_settings, std::unique_ptr<Duck> the_duck)
      : settings(std::move(the_settings)), duck(std::move(the_duck)) {}

  base::Expected<void> start();
  base::Expected<void> run(const std::string& sql, const bool& has_rows,
                           const std::function<base::Expected<void>(const std::string&)>& ask);
  [[nodiscard]] std::string result_path() const {
    return (spill.path() / "result.parquet").string();
  }

  Settings settings;
  SpillFolder spill;
  Scan scan;
  std::set<std::string> tables = {"flow_logs"};  ///< that SQL may read
  std::unique_ptr<Duck> duck;                    ///< uses what stands above
  ObjectList objects{settings, scan.problems};
  ParquetFiles parquet_files{settings.s3.get(), spill.fetched()};
  Formats formats{*duck, settings, objects, scan, parquet_files};
  Planner planner{*duck, settings, tables, objects, scan, formats};
};

base::Expected<void> Engine::State::start() {
  scan.without_header =
      settings.without_header.empty() ? default_fields() : settings.without_header;
  scan.is_strict = settings.is_strict;
  scan.s3 = settings.s3.get();
  const unsigned threads =
      settings.threads != 0 ? settings.threads : std::max(1U, std::thread::hardware_concurrency());
  const unsigned megabytes = std::max(kMegabytesOfThread * threads, kLeastMegabytes);
  scan.totals_bytes = std::max(kTotalsBytes / threads, kLeastTotalsBytes);
  std::string paths = sql_text(result_path());
  for (const logs::Object& object : objects.all()) {
    if (object.kind == logs::ObjectKind::parquet) {
      paths += ", " + sql_text(object.path);
    }
  }
  const std::string fetched = spill.fetched().string();
  const std::string folders = fetched.empty() ? "" : sql_text(fetched + "/");
  // The limit holds whatever a query reads; larger intermediate results go to the spill folder.
  for (const std::string& statement :
       {fmt::format("SET threads = {}", threads),
        fmt::format("SET memory_limit = '{}MB'", megabytes),
        "SET temp_directory = " + sql_text(spill.path().string()),
        // Files of S3's objects are filled while they are read.
        std::string("SET enable_external_file_cache = false"), std::string("SET TimeZone = 'UTC'"),
        std::string("SET preserve_insertion_order = false"),
        std::string("SET autoinstall_known_extensions = false"),
        std::string("SET autoload_known_extensions = false"), "SET allowed_paths = [" + paths + "]",
        "SET allowed_directories = [" + folders + "]"}) {
    if (auto done = duck->run(statement); !done) return tl::unexpected(done.error());
  }
  if (auto done = register_functions(*duck); !done) return done;
  if (auto done = register_time_function(*duck, scan.problems); !done) return done;
  if (auto done = register_scan(*duck, scan); !done) return done;
  auto loaded = load_tables(*duck, settings.tables);
  if (!loaded) return tl::unexpected(loaded.error());
  tables.merge(*loaded);
  for (const char* statement :
       {"SET enable_external_access = false", "SET lock_configuration = true"}) {
    if (auto done = duck->run(statement); !done) return tl::unexpected(done.error());
  }
  return {};
}

/// Plans and asks, and asks again when that told of objects what planning did not know. `has_rows`:
/// some have been handed out, so that it is too late.
base::Expected<void> Engine::State::run(
    const std::string& sql, const bool& has_rows,
    const std::function<base::Expected<void>(const std::string&)>& ask) {
  Fields found;
  for (;;) {
    auto planned = planner.plan(sql, found);
    if (!planned) return tl::unexpected(planned.error());
    scan.new_fields.reset();
    auto done = ask(*planned);
    if (done) return done;
    if (auto failure = settings.s3 ? settings.s3->failure() : std::nullopt; failure) {
      return tl::unexpected(std::move(*failure));
    }
    if (*planned != sql) done = tl::unexpected(without_place(done.error()));
    if (scan.new_fields && has_rows) {
      std::string names = fmt::format("{}", fmt::join(scan.new_fields->names, ", "));
      std::replace(names.begin(), names.end(), '-', '_');
      return base::fail(scan.new_fields->where,
                        "has columns that no line before it has (" + names +
                            "), and rows have been handed out without them",
                        "name the columns that you want instead of *");
    }
    const bool has_found = scan.new_fields && add_fields(scan.new_fields->names, found);
    if (!has_found && (!formats.drop_damaged_parquet(done.error()) || has_rows)) return done;
  }
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;

base::Expected<std::unique_ptr<Engine>> Engine::open(Settings settings) {
  auto duck = Duck::open();
  if (!duck) return tl::unexpected(duck.error());
  auto state = std::make_unique<State>(std::move(settings), std::move(*duck));
  if (auto started = state->start(); !started) return tl::unexpected(started.error());
  return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

base::Expected<std::vector<std::string>> Engine::fields() {
  auto present = state_->planner.at_front();
  if (present) state_->formats.add_behind_the_front(*present);
  return present;
}

base::Expected<std::vector<std::string>> Engine::lacking(std::vector<std::string> fields) {
  auto present = state_->planner.at_front();
  if (!present) return tl::unexpected(present.error());
  if (state_->objects.all().empty()) return Fields{};  // nobody can tell
  const auto take_out = [&](const Fields& found) {
    std::erase_if(fields, [&](const std::string& field) {
      return std::find(found.begin(), found.end(), field) != found.end();
    });
    return !fields.empty();
  };
  if (take_out(*present)) state_->formats.for_each_behind_the_front(take_out);
  return fields;
}

base::Expected<bool> Engine::may_have(const std::vector<std::string>& fields) {
  const auto present = state_->planner.at_front();
  if (!present) return tl::unexpected(present.error());
  return state_->formats.may_go_on_behind_the_front() ||
         std::all_of(fields.begin(), fields.end(), [&](const std::string& field) {
           return std::find(present->begin(), present->end(), field) != present->end();
         });
}

base::Expected<void> Engine::run(const std::string& sql, ResultSink& sink) {
  bool has_rows = false;
  return state_->run(sql, has_rows, [&](const std::string& planned) {
    return stream_result(*state_->duck, planned, sink, has_rows);
  });
}

base::Expected<void> Engine::run_into_parquet(const std::string& sql, std::ostream& out) {
  const std::string path = state_->result_path();
  const auto copy = [&](const std::string& planned) {
    base::Expected<void> done;
    for (const std::string& table : as_table(planned)) {
      auto copied = state_->duck->run("COPY (FROM " + table + ") TO " + sql_text(path) +
                                      " (FORMAT parquet, ROW_GROUP_SIZE 40960)");
      done = copied ? base::Expected<void>() : tl::unexpected(copied.error());
      if (done) break;
    }
    return done;
  };
  bool has_rows = false;
  if (auto done = state_->run(sql, has_rows, copy); !done) return done;
  std::ifstream file(path, std::ios::binary);
  out << file.rdbuf();
  if (!out.flush() || !file) return base::fail("the result", "cannot be written");
  return {};
}

void Engine::interrupt() {
  state_->scan.is_cancelled = true;
  if (state_->settings.s3) state_->settings.s3->cancel();
  duckdb_interrupt(state_->duck->connection());
}

Statistics Engine::statistics() const {
  Statistics statistics;
  statistics.objects_listed = state_->objects.count();
  statistics.bytes_listed = state_->objects.bytes();
  if (const auto& s3 = state_->settings.s3) {
    statistics.requests = s3->traffic().requests;
    statistics.bytes_fetched = s3->traffic().bytes_received;
    if (const logs::ObjectCache* cache = s3->cache()) {
      statistics.cache_hits = cache->hits();
      statistics.cache_bytes = cache->bytes_hit();
    }
  }
  const ScanCounters& counters = state_->scan.counters;
  statistics.objects_opened = counters.objects_opened;
  const Selection& selection = state_->planner.selection();
  statistics.objects_selected = selection.objects;
  statistics.bytes_selected = selection.bytes;
  statistics.parquet_objects = selection.parquet_objects;
  statistics.parquet_bytes = selection.parquet_bytes;
  statistics.parquet_bytes_fetched = state_->parquet_files.bytes_fetched();
  statistics.bytes_read = counters.packed_bytes;
  statistics.lines = counters.lines;
  return statistics;
}

const logs::Problems& Engine::problems() const {
  return state_->scan.problems;
}

std::optional<base::Error> Engine::cache_failure() const {
  const logs::S3Reader* s3 = state_->settings.s3.get();
  return s3 != nullptr && s3->cache() != nullptr ? s3->cache()->failure() : std::nullopt;
}

}  // namespace weir::query
