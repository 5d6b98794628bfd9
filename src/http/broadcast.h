// One text that goes on, for any number of readers, each as fast as it can.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace weir::http {

/// Keeps the last lines, up to a size. A reader that falls further behind skips to the oldest line
/// that is kept, and is told how many it has missed. For one thread.
class Broadcast {
 public:
  /// The line, with its newline, that tells a reader how many lines it has missed.
  using MissedLine = std::function<std::string(std::uint64_t lines)>;

  Broadcast(std::size_t kept_bytes, MissedLine missed_line)
      : kept_bytes_(kept_bytes), missed_line_(std::move(missed_line)) {}

  /// What every reader reads first. Whole lines.
  void greet_with(std::string greeting) { greeting_ = std::move(greeting); }
  /// Whole lines.
  void append(std::string_view lines);

 private:
  friend class BroadcastReader;
  struct Block {
    std::uint64_t first_line = 0;
    std::uint64_t lines = 0;
    std::string text;
  };

  void push(std::string_view lines);
  /// The oldest kept block with the line or what comes after it; nothing if that is yet to come.
  [[nodiscard]] std::shared_ptr<const Block> block_from(std::uint64_t line) const;

  std::size_t kept_bytes_;
  MissedLine missed_line_;
  std::string greeting_;
  std::deque<std::shared_ptr<const Block>> blocks_;
  std::size_t bytes_ = 0;
  std::uint64_t next_line_ = 0;
};

/// Reads from the next line that is appended.
class BroadcastReader {
 public:
  /// `broadcast` outlives the reader.
  explicit BroadcastReader(const Broadcast& broadcast);

  /// What comes next, of which at least a part is there; empty: nothing yet. Valid until the next
  /// call.
  [[nodiscard]] std::string_view next();
  /// So much of `next` has been read.
  void advance(std::size_t bytes) { offset_ += bytes; }

 private:
  const Broadcast& broadcast_;
  std::string notice_;
  std::shared_ptr<const Broadcast::Block> block_;
  std::size_t offset_ = 0;
  std::uint64_t next_line_;
};

}  // namespace weir::http
