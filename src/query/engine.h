// SQL over flow logs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "base/error.h"
#include "logs/problems.h"
#include "query/result.h"
#include "query/settings.h"

namespace weir::query {

/// What a query read.
struct Statistics {
  std::size_t objects_listed = 0;
  std::uint64_t bytes_listed = 0;
  std::size_t objects_selected = 0;
  std::uint64_t bytes_selected = 0;
  std::uint64_t objects_opened = 0;  ///< of text, as the next two
  std::uint64_t bytes_read = 0;      ///< packed
  std::uint64_t lines = 0;
  std::uint64_t parquet_objects = 0;        ///< opened, by DuckDB
  std::uint64_t parquet_bytes = 0;          ///< their size
  std::uint64_t parquet_bytes_fetched = 0;  ///< of those in S3, or kept of it: columns, footers
  std::uint64_t requests = 0;               ///< to S3, to list and to fetch
  std::uint64_t bytes_fetched = 0;          ///< of their answers
  std::uint64_t cache_hits = 0;             ///< parts of objects that S3 was not asked for
  std::uint64_t cache_bytes = 0;            ///< of them
};

/// DuckDB with the table `flow_logs` (README.md of this folder), the functions of functions.h and
/// the user's tables. SQL that it is given can do nothing but read them: no other file, no network,
/// no setting, no extension. One query at a time; `interrupt` and `statistics` may come from
/// another thread.
class Engine {
 public:
  /// Error: a table that cannot be read.
  static base::Expected<std::unique_ptr<Engine>> open(Settings settings);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  /// The fields that some of the objects have ("log-status"); what AWS did not name is read for it.
  [[nodiscard]] base::Expected<std::vector<std::string>> fields();
  /// Those of the fields ("log-status") that none of the objects has.
  [[nodiscard]] base::Expected<std::vector<std::string>> lacking(std::vector<std::string> fields);
  /// Whether records may have all of these fields. None is read for that: where AWS did not name
  /// an object, they may.
  [[nodiscard]] base::Expected<bool> may_have(const std::vector<std::string>& fields);

  /// Runs one SELECT. The error is DuckDB's, or says that the statement is not one that reads. A
  /// Parquet object that turns out to be damaged is left out and told, unless rows of it have been
  /// handed out already.
  base::Expected<void> run(const std::string& sql, ResultSink& sink);
  /// Runs one SELECT and writes its result as a Parquet file.
  base::Expected<void> run_into_parquet(const std::string& sql, std::ostream& out);

  /// Ends the running query with an error.
  void interrupt();
  [[nodiscard]] Statistics statistics() const;
  [[nodiscard]] const logs::Problems& problems() const;
  /// Why the cache of S3's objects keeps nothing more; answers are whole without it.
  [[nodiscard]] std::optional<base::Error> cache_failure() const;

 private:
  struct State;
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::query
