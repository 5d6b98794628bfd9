// Folders of flow-log objects, as objects appear and plain files grow.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "logs/line_reader.h"
#include "logs/reading_place.h"

namespace weir::logs {

/// Hands out every line of its sources once: those of objects that were there by `read_earlier`,
/// those that come by `follow`. Text only: Parquet objects are counted.
class Following {
 public:
  enum class Mode : std::uint8_t {
    once,  ///< what is there now
    follow,
  };

  Following() = default;
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;
  virtual ~Following() = default;

  /// Reads the newest of the objects that were there and have not been read: all of one delivery
  /// slot (or of one second, by their own time, where keys tell no slot). False: there is none.
  virtual bool read_earlier(LineSink& sink) = 0;
  /// Reads what is new until `stop`, a descriptor, can be read or the sink wants no more. Error: it
  /// can no longer be followed.
  virtual base::Expected<void> follow(int stop, LineSink& sink) = 0;

  /// Of those that were there.
  [[nodiscard]] virtual std::size_t text_objects() const = 0;
  [[nodiscard]] virtual std::size_t parquet_objects() const = 0;
  /// Objects that ended in the middle when they were read and of which no more has come.
  [[nodiscard]] virtual std::vector<base::Error> unfinished() const = 0;
};

/// Folders are watched before they are listed, so that nothing that
/// appears in between is lost. Packed objects are read when they are closed or renamed to their
/// name, plain files to their last whole line as often as they grow. What is renamed, or
/// overwritten with the same text, is not read again; what is replaced by another text is.
class Follower : public Following {
 public:
  /// Watches folders (with all below them), files and what globs find, unless it is for once, and
  /// lists them. Error: a source that is not there, or that the kernel does not watch.
  static base::Expected<std::unique_ptr<Follower>> open(const std::vector<std::string>& sources,
                                                        LineReader::Columns without_header,
                                                        Mode mode);
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  ~Follower() override;

  bool read_earlier(LineSink& sink) override;
  /// Error: nothing is left to be watched, or a new folder cannot be. REQUIRES: opened to follow.
  base::Expected<void> follow(int stop, LineSink& sink) override;

  [[nodiscard]] std::size_t text_objects() const override;
  [[nodiscard]] std::size_t parquet_objects() const override;
  [[nodiscard]] std::vector<base::Error> unfinished() const override;

 private:
  struct State;
  explicit Follower(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::logs
