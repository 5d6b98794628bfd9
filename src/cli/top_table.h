// Who talks and who is refused, of the flows that a service drains.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/flow_feed.h"
#include "cli/logged_record.h"
#include "cli/record_words.h"

namespace weir::cli {

struct Amount {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;

  void add(const Amount& other) {
    packets += other.packets;
    bytes += other.bytes;
  }
  [[nodiscard]] Amount per(std::uint64_t seconds) const {
    return {(packets + seconds / 2) / seconds, (bytes + seconds / 2) / seconds};
  }
};

/// What has come by now, drain by drain.
struct Course {
  Amount coming;  ///< of the drain that is not over
  Amount last;    ///< in a second, by the last drain that came whole
  Amount total;

  void add(const Amount& more) {
    coming.add(more);
    total.add(more);
  }
  /// The drain has brought what came in so many seconds; 0: a part of that is missing.
  void end_drain(std::uint64_t seconds) {
    if (seconds != 0) last = coming.per(seconds);
    coming = {};
  }
};

/// What is in no figure.
struct Gaps {
  std::uint64_t left_out = 0;       ///< flows of the last drain that the service does not show
  std::uint64_t left_out_ever = 0;  ///< and of all drains
  std::uint64_t missed_lines = 0;   ///< of the stream
  bool is_last_whole = true;        ///< no line of the last drain was missed
};

/// Flows between two addresses at one interface; refused ones of one service and reason, too.
struct TopRow {
  std::string interface;
  std::string source;
  std::string destination;
  std::string service;  ///< of refused ones
  std::string reason;   ///< of refused ones
  Course course;
};

enum class TopOrder : std::uint8_t { bytes, packets, total };

/// Bounded: after a flood the smallest rows are given up; the sums stay whole.
class TopTable : public FlowSink {
 public:
  static constexpr std::size_t kMostRows = 10'000;

  /// Of one verdict. The rows are those from `first` on, and valid until the table changes.
  struct Side {
    std::vector<const TopRow*> rows;
    std::size_t count = 0;  ///< of all rows
    Amount last;
    Amount total;
  };

  /// `words` outlives the table.
  explicit TopTable(const RecordWords& words) : words_(words) {}

  void flow(const LoggedRecord& record) override;
  void drained(base::UnixSeconds time, std::uint64_t left_out) override;
  void missed(std::uint64_t lines) override;

  [[nodiscard]] const Gaps& gaps() const { return gaps_; }
  [[nodiscard]] std::uint64_t whole_drains() const { return whole_drains_; }
  [[nodiscard]] Side accepted(TopOrder order, std::size_t first, std::size_t most) const {
    return side_of(accepted_, order, first, most);
  }
  [[nodiscard]] Side refused(TopOrder order, std::size_t first, std::size_t most) const {
    return side_of(refused_, order, first, most);
  }

 private:
  struct Rows {
    std::unordered_map<std::string, TopRow> by_key;
    Course sum;
  };

  static void end_drain(Rows& rows, std::uint64_t seconds);
  static Side side_of(const Rows& rows, TopOrder order, std::size_t first, std::size_t most);

  const RecordWords& words_;
  Rows accepted_;
  Rows refused_;
  std::string key_;
  Gaps gaps_;
  bool has_gap_ = false;  ///< in the drain that is not over
  std::uint64_t whole_drains_ = 0;
  std::optional<base::UnixSeconds> last_drained_;
};

}  // namespace weir::cli
