// Objects' bytes, fetched from afar before they are asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aws/failure.h"
#include "aws/s3.h"
#include "base/input.h"
#include "logs/objects.h"

namespace weir::logs {

struct ReadAheadLimits {
  std::size_t threads = 16;
  std::uint64_t piece_bytes = std::uint64_t{4} << 20U;
  /// Of pieces that are being fetched, lie ready or are being read. What a reader waits for is
  /// fetched all the same, or it might wait for ever: each reader may add a piece.
  std::uint64_t held_bytes = std::uint64_t{64} << 20U;
};

/// Threads that fetch what readers wait for first, and then, piece by piece and in order, what they
/// are going to ask for.
class ReadAhead {
 public:
  /// For several threads at once. The part is within the object.
  using Get = std::function<aws::Result<std::string>(const Object&, aws::ByteRange)>;

  ReadAhead(Get get, ReadAheadLimits limits);
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  /// Waits for what is being fetched. REQUIRES: no Run is left.
  ~ReadAhead();

  /// Objects that are read one after the other. When it is gone, nothing more is fetched for it.
  class Run {
   public:
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run();

    /// The bytes of the object of this number, which is opened once. The run outlives the input.
    [[nodiscard]] std::unique_ptr<base::Input> open(std::size_t number);
    /// From any thread: nothing more is read. Who waits gets an error at once.
    void stop();

   private:
    friend class ReadAhead;
    struct State;
    explicit Run(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
  };

  /// `objects` outlive the run; of those that are not in S3 nothing is fetched.
  [[nodiscard]] std::unique_ptr<Run> start(const std::vector<Object>& objects);

  /// Nobody waits from here on: reads end with an error.
  void cancel();

 private:
  struct Shared;
  class Reader;
  std::shared_ptr<Shared> shared_;
};

}  // namespace weir::logs
