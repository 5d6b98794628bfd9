// Where `weir record` sends records: to a destination, to the terminal, or both.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "base/table.h"
#include "deliver/record_writer.h"
#include "recorder/recorder.h"
#include "vpc/network.h"

namespace weir::cli {

/// What cannot be written any more does not stop the recording: all records are counted, so that
/// the summary can say how many are missing.
class RecordOutput : public recorder::RecordSink {
 public:
  /// All outlive the output. Without `writer` no record is written, without `form` nothing
  /// printed.
  RecordOutput(const vpc::Network& network, const record::LogFormat& format,
               deliver::RecordWriter* writer, std::optional<base::OutputForm> form);

  base::Expected<void> add(const record::Record& record) override;
  base::Expected<void> completed(base::UnixSeconds time) override;

  /// Whether something could not be written; any thread may ask.
  [[nodiscard]] bool has_failed() const { return has_failed_; }
  /// Publishes what is left, as much of it as can be; the first error of all.
  base::Expected<void> finish();
  /// Prints the records; as a table also a sentence for each REJECT.
  void print(std::ostream& out) const;

 private:
  void keep(base::Expected<void> done);

  /// A table needs all its rows before the first is printed; memory must not grow with the capture.
  static constexpr std::size_t kMaxRows = 10'000;

  const vpc::Network& network_;
  const record::LogFormat& format_;
  deliver::RecordWriter* writer_;
  std::optional<base::OutputForm> form_;
  base::Table table_;
  std::vector<std::string> refusals_;
  std::uint64_t left_out_ = 0;
  base::Expected<void> result_;
  std::atomic<bool> has_failed_ = false;
};

}  // namespace weir::cli
