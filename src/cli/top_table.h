// Who talks and who is refused, of the flows that a service drains.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

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
};

/// What has come by now, second by second.
struct Course {
  Amount coming;  ///< in the second that is not over
  Amount last;    ///< in the second before it
  Amount total;

  void add(const Amount& more) {
    coming.add(more);
    total.add(more);
  }
  void end_second() {
    last = coming;
    coming = {};
  }
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
class TopTable {
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

  void add(const LoggedRecord& record);
  void end_second();
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

  static void end_second(Rows& rows);
  static Side side_of(const Rows& rows, TopOrder order, std::size_t first, std::size_t most);

  const RecordWords& words_;
  Rows accepted_;
  Rows refused_;
  std::string key_;
};

}  // namespace weir::cli
